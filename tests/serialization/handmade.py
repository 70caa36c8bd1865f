"""Files in torch's formats made by hand, byte by byte, for the tests of reading."""

import io
import pickle
import struct
import zipfile

import pynn


def saved(obj):
    """What pynn.save writes, to read from."""
    file = io.BytesIO()
    pynn.save(obj, file)
    file.seek(0)
    return file


def name(module, attribute):
    """The opcode of a global."""
    return f"c{module}\n{attribute}\n".encode()


def text(value):
    encoded = value.encode()
    return b"X" + struct.pack("<I", len(encoded)) + encoded


def number(value):
    if 0 <= value < 256:
        return b"K" + bytes([value])
    return b"\x8a\x09" + value.to_bytes(9, "little", signed=True)


def numbers(values):
    return b"(" + b"".join(number(v) for v in values) + b"t"


def storage(kind, key, location, numel, legacy=False):
    """The persistent id of a storage."""
    fields = text("storage") + name("torch", kind) + text(key) + text(location) + number(numel)
    return b"(" + fields + (b"N" if legacy else b"") + b"tQ"


def rebuilt(kind, numel, size, stride, key="0", location="cpu", offset=0, legacy=False, grad=False):
    """The pickle of one tensor."""
    return b"\x80\x02" + tensor(kind, numel, size, stride, key, location, offset, legacy, grad) + b"."


def tensor(kind, numel, size, stride, key="0", location="cpu", offset=0, legacy=False, grad=False):
    """The part of a pickle that makes one tensor."""
    args = storage(kind, key, location, numel, legacy) + number(offset) + numbers(size) + numbers(stride)
    return name("torch._utils", "_rebuild_tensor_v2") + b"(" + args + (b"\x88" if grad else b"\x89") + b"NtR"


def zipped(pickled, entries):
    """An archive of a pickle and other entries."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for entry, data in {"data.pkl": pickled, **entries, "version": b"3\n"}.items():
            archive.writestr("archive/" + entry, data)
    file.seek(0)
    return file


def repacked(file, compression):
    """The same archive, packed by another program."""
    packed = io.BytesIO()
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(packed, "w", compression) as new:
        for info in old.infolist():
            new.writestr(info.filename, old.read(info))
    packed.seek(0)
    return packed


def legacy(order="<", location="cpu", numel=3, size=3, version=1001, keys=("0",)):
    """The tensor [1, 2, 3] as torch before 1.6 wrote it; the arguments spoil it."""
    system = {"protocol_version": 1001, "little_endian": order == "<", "type_sizes": {"short": 2, "int": 4, "long": 4}}
    head = [pickle.dumps(part, 2) for part in (0x1950A86A20F9469CFC6C, version, system)]
    tensor = rebuilt("FloatStorage", numel, (size,), (1,), location=location, legacy=True)
    return b"".join([*head, tensor, pickle.dumps(list(keys), 2), struct.pack(f"{order}q3f", 3, 1, 2, 3)])
