"""The primitives that docs/PROTOCOL.md names, written from their papers: slow, plain, of no use but
to check others with.

SPDX-License-Identifier: MIT
"""
import hashlib
import struct

MASK32 = 0xffffffff
MASK64 = 0xffffffffffffffff


class Forged(Exception):
    """A seal does not open, or a signature is not its signer's."""


# BLAKE2b (RFC 7693), with the personal string and the salt of libsodium's functions.

def blake2b(size, personal, key, data, salt=b""):
    return hashlib.blake2b(data, digest_size=size, key=key, salt=salt.ljust(16, b"\0"),
                           person=personal.ljust(16, b"\0")).digest()


# ChaCha20 and Poly1305 (RFC 8439), XChaCha20 (draft-irtf-cfrg-xchacha-03).

def quarter(s, a, b, c, d):
    s[a] = s[a] + s[b] & MASK32
    s[d] ^= s[a]
    s[d] = (s[d] << 16 | s[d] >> 16) & MASK32
    s[c] = s[c] + s[d] & MASK32
    s[b] ^= s[c]
    s[b] = (s[b] << 12 | s[b] >> 20) & MASK32
    s[a] = s[a] + s[b] & MASK32
    s[d] ^= s[a]
    s[d] = (s[d] << 8 | s[d] >> 24) & MASK32
    s[c] = s[c] + s[d] & MASK32
    s[b] ^= s[c]
    s[b] = (s[b] << 7 | s[b] >> 25) & MASK32


def chacha_rounds(key, last16):
    start = list(struct.unpack("<16I", b"expand 32-byte k" + key + last16))
    state = start[:]
    for _ in range(10):
        quarter(state, 0, 4, 8, 12)
        quarter(state, 1, 5, 9, 13)
        quarter(state, 2, 6, 10, 14)
        quarter(state, 3, 7, 11, 15)
        quarter(state, 0, 5, 10, 15)
        quarter(state, 1, 6, 11, 12)
        quarter(state, 2, 7, 8, 13)
        quarter(state, 3, 4, 9, 14)
    return start, state


def chacha20_block(key, counter, nonce):
    start, state = chacha_rounds(key, struct.pack("<I", counter) + nonce)
    return struct.pack("<16I", *(a + b & MASK32 for a, b in zip(start, state)))


def hchacha20(key, nonce16):
    _, state = chacha_rounds(key, nonce16)
    return struct.pack("<8I", *(state[:4] + state[12:]))


def chacha20(key, counter, nonce, data):
    out = bytearray()
    for at in range(0, len(data), 64):
        block = chacha20_block(key, counter + at // 64, nonce)
        out += bytes(a ^ b for a, b in zip(data[at:at + 64], block))
    return bytes(out)


def poly1305(key, data):
    r = int.from_bytes(key[:16], "little") & 0x0ffffffc0ffffffc0ffffffc0fffffff
    total = 0
    for at in range(0, len(data), 16):
        total = (total + int.from_bytes(data[at:at + 16] + b"\1", "little")) * r % (2**130 - 5)
    return (total + int.from_bytes(key[16:], "little") & 2**128 - 1).to_bytes(16, "little")


def aead_tag(key, nonce, sealed, clear):
    def padded(data):
        return data + bytes(-len(data) % 16)

    return poly1305(chacha20_block(key, 0, nonce)[:32], padded(clear) + padded(sealed) +
                    struct.pack("<QQ", len(clear), len(sealed)))


def aead_seal(key, nonce, data, clear):
    sealed = chacha20(key, 1, nonce, data)
    return sealed + aead_tag(key, nonce, sealed, clear)


def aead_open(key, nonce, data, clear):
    if len(data) < 16 or aead_tag(key, nonce, data[:-16], clear) != data[-16:]:
        raise Forged("seal")
    return chacha20(key, 1, nonce, data[:-16])


def xaead_seal(key, nonce24, data, clear):
    return aead_seal(hchacha20(key, nonce24[:16]), bytes(4) + nonce24[16:], data, clear)


def xaead_open(key, nonce24, data, clear):
    return aead_open(hchacha20(key, nonce24[:16]), bytes(4) + nonce24[16:], data, clear)


# SipHash-2-4 with 128 bits of output (Aumasson and Bernstein).

def sip_round(v):
    def turn(x, bits):
        return (x << bits | x >> 64 - bits) & MASK64

    a, b, c, d = v
    a = a + b & MASK64
    b = turn(b, 13) ^ a
    a = turn(a, 32)
    c = c + d & MASK64
    d = turn(d, 16) ^ c
    a = a + d & MASK64
    d = turn(d, 21) ^ a
    c = c + b & MASK64
    b = turn(b, 17) ^ c
    return [a, b, turn(c, 32), d]


def siphash128(key, data):
    k0, k1 = struct.unpack("<QQ", key)
    v = [k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d ^ 0xee,
         k0 ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573]
    whole = len(data) // 8 * 8
    last = data[whole:].ljust(7, b"\0") + bytes([len(data) & 255])
    for at in range(0, whole + 8, 8):
        word = int.from_bytes((data[:whole] + last)[at:at + 8], "little")
        v[3] ^= word
        v = sip_round(sip_round(v))
        v[0] ^= word
    out = b""
    for index, mark in ((2, 0xee), (1, 0xdd)):
        v[index] ^= mark
        for _ in range(4):
            v = sip_round(v)
        out += struct.pack("<Q", v[0] ^ v[1] ^ v[2] ^ v[3])
    return out


# X25519 (RFC 7748).

P = 2**255 - 19


def x25519(secret, public):
    k = bytearray(secret)
    k[0] &= 248
    k[31] = k[31] & 127 | 64
    k = int.from_bytes(k, "little")
    x1 = int.from_bytes(public, "little") & 2**255 - 1
    x2, z2, x3, z3, swapped = 1, 0, x1, 1, 0
    for t in range(254, -1, -1):
        bit = k >> t & 1
        if swapped ^ bit:
            x2, z2, x3, z3 = x3, z3, x2, z2
        swapped = bit
        a, b, c, d = x2 + z2, x2 - z2, x3 + z3, x3 - z3
        aa, bb, da, cb = a * a, b * b, d * a, c * b
        x3, z3 = pow(da + cb, 2, P), x1 * pow(da - cb, 2, P) % P
        e = aa - bb
        x2, z2 = aa * bb % P, e * (aa + 121665 * e) % P
    if swapped:
        x2, z2 = x3, z3
    return (x2 * pow(z2, P - 2, P) % P).to_bytes(32, "little")


def dh(secret, public):
    shared = x25519(secret, public)
    if shared == bytes(32):
        raise Forged("a point of small order")
    return shared


def dh_public(secret):
    return x25519(secret, (9).to_bytes(32, "little"))


# Ed25519 (RFC 8032, 5.1), points in extended coordinates.

Q = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT = pow(2, (P - 1) // 4, P)


def add(p, q):
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(scalar, point):
    out = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            out = add(out, point)
        point = add(point, point)
        scalar >>= 1
    return out


def same(p, q):
    return (p[0] * q[2] - q[0] * p[2]) % P == 0 and (p[1] * q[2] - q[1] * p[2]) % P == 0


def point_of(data):
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & 2**255 - 1
    if y >= P:
        raise Forged("no canonical point")
    xx = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(xx, (P + 3) // 8, P)
    if (x * x - xx) % P:
        x = x * ROOT % P
    if (x * x - xx) % P or (x == 0 and sign):
        raise Forged("no point")
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


def bytes_of(point):
    z = pow(point[2], P - 2, P)
    x, y = point[0] * z % P, point[1] * z % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


BASE = point_of(bytes.fromhex("58" + 31 * "66"))


def sign_public(seed):
    a = bytearray(hashlib.sha512(seed).digest()[:32])
    a[0] &= 248
    a[31] = a[31] & 63 | 64
    return bytes_of(times(int.from_bytes(a, "little"), BASE))


def verify(public, signature, message):
    if len(signature) != 64:
        raise Forged("signature's length")
    s = int.from_bytes(signature[32:], "little")
    if s >= Q:
        raise Forged("signature's scalar")
    k = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % Q
    if not same(times(s, BASE), add(point_of(signature[:32]), times(k, point_of(public)))):
        raise Forged("signature")


# Published vectors: whoever checks others is checked first.

SUNSCREEN = (b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the "
             b"future, sunscreen would be it.")
SUN_CLEAR = bytes.fromhex("50515253c0c1c2c3c4c5c6c7")
SUN_KEY = bytes(range(0x80, 0xa0))


def selftest():
    # RFC 7693, appendix A
    assert blake2b(64, b"", b"", b"abc").hex().startswith("ba80a53f981c4d0d6a2797b69f12f6e9")
    # RFC 8439, 2.3.2, 2.5.2 and 2.8.2
    key = bytes(range(32))
    assert chacha20_block(key, 1, bytes.fromhex("000000090000004a00000000")).hex().startswith(
        "10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4e")
    assert poly1305(bytes.fromhex("85d6be7857556d337f4452fe42d506a8"
                                  "0103808afb0db2fd4abff6af4149f51b"),
                    b"Cryptographic Forum Research Group").hex() == \
        "a8061dc1305136c6c22b8baf0c0127a9"
    nonce = bytes.fromhex("070000004041424344454647")
    sealed = aead_seal(SUN_KEY, nonce, SUNSCREEN, SUN_CLEAR)
    assert sealed.hex().startswith("d31a8d34648e60db7b86afbc53ef7ec2")
    assert sealed.hex().endswith("1ae10b594f09e26a7e902ecbd0600691")
    assert aead_open(SUN_KEY, nonce, sealed, SUN_CLEAR) == SUNSCREEN
    # draft-irtf-cfrg-xchacha-03, 2.2.1 and A.3.1
    assert hchacha20(key, bytes.fromhex("000000090000004a0000000031415927")).hex() == \
        "82413b4227b27bfed30e42508a877d73a0f9e4d58a74a853c12ec41326d3ecdc"
    sealed = xaead_seal(SUN_KEY, bytes(range(0x40, 0x58)), SUNSCREEN, SUN_CLEAR)
    assert sealed.hex().startswith("bd6d179d3e83d43b9576579493c0e939")
    assert sealed.hex().endswith("c0875924c1c7987947deafd8780acf49")
    assert xaead_open(SUN_KEY, bytes(range(0x40, 0x58)), sealed, SUN_CLEAR) == SUNSCREEN
    # the reference implementation's vectors_sip128
    assert siphash128(key[:16], b"").hex() == "a3817f04ba25a8e66df67214c7550293"
    assert siphash128(key[:16], key[:1]).hex() == "da87c1d86b99af44347659119b22fc45"
    check_curves()


def check_curves():
    # RFC 7748, 5.2
    assert x25519(bytes.fromhex("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4"),
                  bytes.fromhex("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c")
                  ).hex() == "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552"
    # RFC 8032, 7.1, tests 1 to 3
    for seed, public, message, signature in (
            ("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
             "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
             "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e"
             "39701cf9b46bd25bf5f0595bbe24655141438e7a100b"),
            ("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
             "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
             "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f"
             "3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"),
            ("c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
             "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
             "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67"
             "f760984dc6594a7c15e9716ed28dc027beceea1ec40a")):
        assert sign_public(bytes.fromhex(seed)).hex() == public
        verify(bytes.fromhex(public), bytes.fromhex(signature), bytes.fromhex(message))
        try:
            verify(bytes.fromhex(public), bytes.fromhex(signature), bytes.fromhex(message) + b"!")
        except Forged:
            continue
        raise AssertionError("a forged signature passed")


if __name__ == "__main__":
    selftest()
    print("every published vector fits")
