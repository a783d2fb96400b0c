"""Text with markup: what of it is translated, and where its tags go in the translation.

`placing` puts the inline tags of one paragraph into its translation, whatever they are tags of.
Pure: no model, no event loop, no web framework.
"""
