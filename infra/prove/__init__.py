"""Proof of a deployment: deploy to an empty project, measure from outside, destroy."""
