"""The OpenAPI and AsyncAPI documents of Confab, generated from the code that keeps what they say."""
