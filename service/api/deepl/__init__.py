"""DeepL's front door: its requests into the service's own, the answers into its shape."""
