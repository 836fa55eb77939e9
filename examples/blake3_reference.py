"""BLAKE3, unkeyed, 32 bytes, from the BLAKE3 paper, for second_reader.py. Slow; meant to be read."""
import struct

IV = (0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19)
NEXT_ROUND = (2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)
COLUMNS_THEN_DIAGONALS = ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
                          (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14))
CHUNK_START, CHUNK_END, PARENT, ROOT = 1, 2, 4, 8
CHUNK_BYTES, BLOCK_BYTES, MASK = 1024, 64, 0xFFFFFFFF


def compress(chaining, block, counter, flags):
    """Compresses one block of at most 64 bytes; returns the first eight words."""
    words = struct.unpack("<16I", bytes(block).ljust(BLOCK_BYTES, b"\0"))
    v = [*chaining, *IV[:4], counter & MASK, counter >> 32, len(block), flags]
    for _ in range(7):
        for number, (a, b, c, d) in enumerate(COLUMNS_THEN_DIAGONALS):
            for word, turn_d, turn_b in ((words[2 * number], 16, 12), (words[2 * number + 1], 8, 7)):
                v[a] = (v[a] + v[b] + word) & MASK
                v[d] ^= v[a]
                v[d] = (v[d] >> turn_d | v[d] << 32 - turn_d) & MASK
                v[c] = (v[c] + v[d]) & MASK
                v[b] ^= v[c]
                v[b] = (v[b] >> turn_b | v[b] << 32 - turn_b) & MASK
        words = [words[index] for index in NEXT_ROUND]
    return [low ^ high for low, high in zip(v[:8], v[8:])]


def subtree(data, first_chunk, root):
    """The chaining value of one chunk, or of the parent of two subtrees, the left one a power of two."""
    if len(data) > CHUNK_BYTES:
        left = CHUNK_BYTES << ((len(data) - 1) // CHUNK_BYTES).bit_length() - 1
        right = subtree(data[left:], first_chunk + left // CHUNK_BYTES, 0)
        both = struct.pack("<16I", *subtree(data[:left], first_chunk, 0), *right)
        return compress(IV, both, 0, PARENT | root)
    chaining = IV
    for start in range(0, max(len(data), 1), BLOCK_BYTES):
        last = start + BLOCK_BYTES >= len(data)
        flags = CHUNK_START * (start == 0) | (CHUNK_END | root) * last
        chaining = compress(chaining, data[start:start + BLOCK_BYTES], first_chunk, flags)
    return chaining


def hexdigest(data):
    """The 64 hexadecimal digits that `b3sum` prints for these bytes."""
    return struct.pack("<8I", *subtree(memoryview(data), 0, ROOT)).hex()
