"""The form of an exercise: how its answer is called and what it returns, without any answer."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Contract:
    """All that one needs to know to call an attempt and to name what comes back.

    name: of the function or class. is_class: which of the two. outputs: names of what is returned.
    sequence: the answer is a list of any length. signatures: {method: names of its parameters},
    {None: …} for a function.
    """

    name: str
    is_class: bool
    outputs: tuple
    sequence: bool
    signatures: dict

    @property
    def several(self):
        """Whether an answer is a tuple or list of arrays and not one array."""
        return self.sequence or len(self.outputs) > 1

    @property
    def output_words(self):
        return f"the list of {self.outputs[0]}" if self.sequence else f"({', '.join(self.outputs)})"

    def parameters(self, method=None):
        """The names of the positional parameters, of the function or of a class's method."""
        return self.signatures.get(method, ())
