"""Fuzzing: inputs that are nearly right, without end, and what must hold whatever they are.

    python -m fuzz --list
    python -m fuzz streams --minutes 10
    python -m fuzz all --minutes 1 --jobs 2
    python -m fuzz structures --replay fuzz/corpus/structures/3f2a...

`targets` has a module for each kind of input: what makes inputs of it, and the oracles that judge what comes of them. `loop`
feeds one to the other, `corpus` keeps what was found. A failure says which oracle it is, how it is replayed, and what the
input was. It stays in the corpus, where the tests replay it.

Inputs are made by a plain loop over `tlsgrammar.mutations`, with seeds that make the same inputs on every machine. Two fuzzers
were looked at that choose inputs by what these reach in the code, Atheris and the fuzzing backend of Hypothesis. Neither sees
into the compiled parsers, which are made while the program runs; both have bytes that they know nothing of, so that most of their
inputs end at the first length; and instrumented code is several times slower. Lengths, lists and code points are what the
mutations know, and the targets need some thousand inputs a second.
"""
