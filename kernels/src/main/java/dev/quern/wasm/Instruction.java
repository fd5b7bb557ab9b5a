package dev.quern.wasm;

/**
 * One instruction with its immediates.
 *
 * @param opcode its row in the table
 * @param a offset, constant bits, local, label depth, function, type or block type code
 * @param b lane, or the high half of a 128-bit constant
 * @param lanes the sixteen lanes of a shuffle, otherwise null
 */
record Instruction(Opcode opcode, long a, long b, byte[] lanes) {
  Instruction(Opcode opcode, long a, long b) {
    this(opcode, a, b, null);
  }

  /** Writes the binary form. */
  void encode(Binary out) {
    if (opcode.prefix() != 0) {
      out.u8(opcode.prefix());
      out.u32(opcode.code());
    } else {
      out.u8(opcode.code());
    }
    Immediate immediate = opcode.immediate();
    if (immediate.bytes() > 0) {
      out.u32(alignment(immediate));
      out.u32(a);
      if (immediate.lane()) {
        out.u8((int) b);
      }
      return;
    }
    switch (immediate) {
      case LANE -> out.u8((int) b);
      case SHUFFLE -> out.bytes(lanes);
      case CONST_I32, CONST_I64 -> out.s64(a);
      case CONST_F32 -> out.fixed(a, 4);
      case CONST_F64 -> out.fixed(a, 8);
      case CONST_V128 -> {
        out.fixed(a, 8);
        out.fixed(b, 8);
      }
      case LOCAL, LABEL, FUNCTION -> out.u32(a);
      case BLOCK_TYPE -> out.u8((int) a);
      case TYPE -> {
        out.u32(a);
        out.u8(0);
      }
      case ZERO -> out.u8(0);
      case ZERO2 -> {
        out.u8(0);
        out.u8(0);
      }
      default -> {}
    }
  }

  /** Data need not be aligned, and a hint of more than a number's four bytes gains nothing. */
  private static int alignment(Immediate immediate) {
    int log = log2(immediate.bytes());
    return immediate.atomic() ? log : Math.min(log, 2);
  }

  private static int log2(int bytes) {
    int log = 0;
    while (1 << log < bytes) {
      log++;
    }
    return log;
  }
}
