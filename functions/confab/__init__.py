"""Confab: a serverless real-time conversation backend for Firebase-hosted web apps."""
