"""What can be seen of an answer without knowing the right one: pure functions of two texts.

`guard` names what is wrong with an output, by the rules of the other modules; the same rules
count faults in `model_export.metrics`, so what is served and what is reported agree.

    repetition  loops and phrases said twice
    numbers     figures by value, whatever the language's spelling
    names       capitalised words that the source does not have
    guard       all of them: (source, output) -> problems
    confidence  how good an answer can be expected to be
"""
