package dev.quern.wasm;

/** What follows an instruction's code in the binary. */
public enum Immediate {
  NONE(0, false, false),
  /** A memory access of so many bytes: alignment and offset. */
  MEM1(1, false, false),
  MEM2(2, false, false),
  MEM4(4, false, false),
  MEM8(8, false, false),
  MEM16(16, false, false),
  /** The same with a lane number. */
  MEM1_LANE(1, true, false),
  MEM2_LANE(2, true, false),
  MEM4_LANE(4, true, false),
  MEM8_LANE(8, true, false),
  /** An atomic access, whose alignment must be its size. */
  ATOM1(1, false, true),
  ATOM2(2, false, true),
  ATOM4(4, false, true),
  ATOM8(8, false, true),
  LANE(0, false, false),
  SHUFFLE(0, false, false),
  CONST_I32(0, false, false),
  CONST_I64(0, false, false),
  CONST_F32(0, false, false),
  CONST_F64(0, false, false),
  CONST_V128(0, false, false),
  LOCAL(0, false, false),
  LABEL(0, false, false),
  BLOCK_TYPE(0, false, false),
  FUNCTION(0, false, false),
  /** A function type and table 0. */
  TYPE(0, false, false),
  /** A reserved zero byte, and two of them. */
  ZERO(0, false, false),
  ZERO2(0, false, false);

  private final int bytes;
  private final boolean lane;
  private final boolean atomic;

  Immediate(int bytes, boolean lane, boolean atomic) {
    this.bytes = bytes;
    this.lane = lane;
    this.atomic = atomic;
  }

  /** Bytes that a memory access touches; 0 for what is no memory access. */
  public int bytes() {
    return bytes;
  }

  /** Whether a lane number follows the memory argument. */
  public boolean lane() {
    return lane;
  }

  /** Whether the access is atomic. */
  public boolean atomic() {
    return atomic;
  }
}
