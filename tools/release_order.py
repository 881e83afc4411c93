"""Mend the C that mypyc writes: an object's old value is released after the new one is in its place.

mypyc (2.4) stores an attribute as "release the old value, then put the new one there", and puts a finished closure or generator
on its free list before it has cleared it.  A release can run any code (a finalizer, a weak reference's callback, a switch to
another thread); code that then reads the attribute reads freed memory, and code that then makes a closure gets the one that
is still being cleared.  CPython's own rule for this is Py_SETREF's: https://docs.python.org/3/c-api/refcounting.html

`mend` knows these two shapes.  Any other release through a pointer is refused, so that a newer mypyc is looked at again and not
trusted.
"""

from __future__ import annotations

import re

_STORE = re.compile(
    r"""
    ^(?P<indent>[ ]*)
    (?: if [ ] \( (?P<checked>[^\n]+) [ ] != [ ] NULL \) [ ] \{ \n [ ]* )?
    CPy_DECREF\( (?P<place>[^\n]+->\w+) \); \n
    (?(checked) [ ]* \} \n )
    [ ]* (?P=place) [ ] = [ ] (?P<value>[^\n]+); \n
    """,
    re.MULTILINE | re.VERBOSE,
)
_FREE_LIST = re.compile(
    r"""
    ^(?P<head> [ ]* if [ ] \( (?P<slot>\w+_free_instance) [ ] == [ ] NULL \) [ ] \{ \n )
    [ ]* (?P=slot) [ ] = [ ] self; \n
    (?P<clearing> (?: (?! [ ]* return; ) [^\n]* \n )*? )
    (?P<indent> [ ]* ) return; \n
    """,
    re.MULTILINE | re.VERBOSE,
)
_PUT_ON_FREE_LIST = re.compile(r"\w+_free_instance = self;")
# Integers are left as they are: releasing one runs nobody's code.
_RELEASE = re.compile(r"\bCPy_X?DECREF\([^;\n]*->[^;\n]*\);")


class UnknownShapeError(Exception):
    """The C holds a release that `mend` does not know."""


def mend(source: str) -> str:
    """The C source `source` with every value released after its successor is stored.

    Raises UnknownShapeError when a release through a pointer, or a use of a free list, has another shape than the known ones.
    """
    expected = len(_PUT_ON_FREE_LIST.findall(source))
    cleared_first = r"\g<head>\g<clearing>\g<indent>if (\g<slot> == NULL) { \g<slot> = self; return; }\n"
    mended, free_lists = _FREE_LIST.subn(cleared_first, source)
    if free_lists != expected:
        raise UnknownShapeError(f"{expected} free lists, {free_lists} of the known shape")
    mended = _STORE.sub(_stored_first, mended)
    unknown = _RELEASE.search(mended)
    if unknown is not None:
        raise UnknownShapeError(unknown.group())
    return mended


def _stored_first(store: re.Match[str]) -> str:
    indent, place, value = store["indent"], store["place"], store["value"]
    if store["checked"] not in (None, place):
        raise UnknownShapeError(store.group())
    return f"{indent}{{ PyObject *released = {place}; {place} = {value}; Py_XDECREF(released); }}\n"
