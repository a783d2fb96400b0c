"""How much was translated for whom."""

# What DeepL says where there is no limit, and what its clients take for that.
NO_LIMIT = 1_000_000_000_000


class Usage:
    """Characters translated since the start, of all clients together.

    Owned by the event loop.
    """

    def __init__(self) -> None:
        """Nothing was translated yet."""
        self.characters = 0

    def add(self, characters: int) -> None:
        """Count what was answered."""
        self.characters += characters
