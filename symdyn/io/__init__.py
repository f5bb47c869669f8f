"""Files: models and tables in, datasets and reports out.  Import from the modules; nothing heavy is loaded here."""
