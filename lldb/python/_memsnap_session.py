"""The session of the LLDB that this runs in, for the package `memsnap`."""

import ctypes
import os

import lldb

_FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_plugin = ctypes.CDLL(os.path.join(_FOLDER, "memsnap.so"))
_plugin.memsnap_call.restype = ctypes.c_void_p
_plugin.memsnap_call.argtypes = [
    ctypes.c_uint64,
    ctypes.c_size_t,
    ctypes.POINTER(ctypes.c_char_p),
    ctypes.POINTER(ctypes.c_size_t),
]
_plugin.memsnap_free.argtypes = [ctypes.c_void_p]


def address(value):
    """The address that a number or an SBValue is."""
    return value.GetValueAsUnsigned() if isinstance(value, lldb.SBValue) else int(value)


def call(words):
    """The kind of answer, empty where all went well, and the answer."""
    encoded = (ctypes.c_char_p * len(words))(*(word.encode("utf-8", "surrogateescape") for word in words))
    # A script that runs outside of LLDB's own prompts and callbacks has none.
    debugger = lldb.debugger.GetID() if lldb.debugger else 0
    size = ctypes.c_size_t()
    answer = _plugin.memsnap_call(debugger, len(words), encoded, ctypes.byref(size))
    if not answer:
        raise MemoryError
    try:
        text = ctypes.string_at(answer, size.value).decode("utf-8", "replace")
    finally:
        _plugin.memsnap_free(answer)
    kind, text = text.split("\n", 1)
    return kind, text
