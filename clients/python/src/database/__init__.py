"""The import path of programs written for the first version of the system: database.client."""
