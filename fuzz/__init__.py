"""Fuzzing: inputs that are nearly right, without end, and what must hold whatever they are.

    python -m fuzz --list
    python -m fuzz streams --minutes 10
    python -m fuzz all --minutes 1 --jobs 2
    python -m fuzz structures --replay fuzz/corpus/structures/3f2a...

`targets` has a module for each kind of input: what makes inputs of it, and the oracles that judge what comes of them. `loop`
feeds one to the other, `corpus` keeps what was found. A failure says which oracle it is, how it is replayed, and what the
input was. It stays in the corpus, where the tests replay it.

Inputs are made by a plain loop over `tlsgrammar.mutations`, with seeds that make the same inputs on every machine. Atheris, which
chooses inputs by what they reach in the code, was looked at, by itself and behind Hypothesis (`fuzz_one_input`). It does not see
into the compiled parsers, which are made while the program runs; it changes bytes and knows nothing of lengths, so that most of
its inputs end at the first one; and instrumented code takes twice as long. Lengths, lists and code points are what the mutations
know.
"""
