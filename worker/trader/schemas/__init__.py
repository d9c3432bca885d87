"""What is generated from the models: JSON Schemas, the AsyncAPI description, the README's tables."""
