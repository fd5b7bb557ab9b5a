package dev.quern.kernel;

/**
 * How the numbers of packed weights are stored. Panels of four columns are {@code [n/4][steps][4]}:
 * a step holds up to four neighbouring k of each column, so that it always goes with 32 bits of a
 * row of A. Of f16, two steps make one vector of 16 bytes (see {@link HalfCode}). Blocks lie {@code
 * [n/4][k/block]}, each with the scales of its four columns before its numbers and, if they have
 * any, their zero points behind (see {@link BlockCode}).
 *
 * @param bits of a number of a block, 4 or 8
 * @param block numbers of a column that share a scale, a power of two from 16
 * @param zeros whether blocks have zero points; otherwise these are 8, or 128
 * @param quantised whether A may be rounded to 8 bits, by blocks, where few rows are multiplied
 */
public record WeightFormat(Kind kind, int bits, int block, boolean zeros, boolean quantised) {
  /** The families of formats. */
  public enum Kind {
    /** f32; A is f32. */
    F32,
    /** f16, widened to f32 in registers; A is f32. */
    F16,
    /** i8, widened to i16 in registers; A is i16, sums are i32. */
    I8,
    /** i16, for weights of 8 bits whose zero point is not 0; A is i16, sums are i32. */
    I16,
    /** i8, for machines that sum bytes; A is one byte a number, sums are i32. */
    BYTES,
    /** The same; A is two bytes a number, in rows of the upper ones and of the lower ones. */
    DIGITS,
    /** Whole numbers of few bits in blocks with scales; A is f32 and, if it may be, also i8. */
    BLOCKS
  }

  public static final WeightFormat F32 = plain(Kind.F32);
  public static final WeightFormat F16 = plain(Kind.F16);
  public static final WeightFormat I8 = plain(Kind.I8);
  public static final WeightFormat I16 = plain(Kind.I16);
  public static final WeightFormat BYTES = plain(Kind.BYTES);
  public static final WeightFormat DIGITS = plain(Kind.DIGITS);

  /** Rows of a register tile that widens weights for itself; taller ones have it done before. */
  private static final int DIRECT_ROWS = 4;

  public WeightFormat {
    if (kind == Kind.BLOCKS
        && (bits != 4 && bits != 8 || block < 16 || Integer.bitCount(block) != 1)) {
      throw new KernelException("blocks of " + block + " numbers of " + bits + " bits");
    }
  }

  private static WeightFormat plain(Kind kind) {
    return new WeightFormat(kind, 0, 0, false, false);
  }

  /** Blocks of numbers. A of those of 8 bits is never quantised. */
  public static WeightFormat blocks(int bits, int block, boolean zeros, boolean quantised) {
    return new WeightFormat(Kind.BLOCKS, bits, block, zeros, quantised && bits == 4);
  }

  /** The name in signatures: {@code f32}, {@code i8}, {@code i4b32}. */
  public String label() {
    return switch (kind) {
      case F32 -> "f32";
      case F16 -> "f16";
      case I8 -> "i8";
      case I16 -> "i16";
      case BYTES -> "i8dot";
      case DIGITS -> "i8dot16";
      case BLOCKS -> "i" + bits + "b" + block + (zeros ? "z" : "") + (quantised ? "q" : "");
    };
  }

  /** Whether the product is one of whole numbers, so that the sums become f32 at the end. */
  public boolean isWhole() {
    return kind == Kind.I8 || kind == Kind.I16 || isBytes();
  }

  /** Whether A is bytes, four products of which are summed in one instruction. */
  public boolean isBytes() {
    return kind == Kind.BYTES || kind == Kind.DIGITS;
  }

  /** Rows of bytes that a row of A takes. */
  public int digits() {
    return kind == Kind.DIGITS ? 2 : 1;
  }

  /** The largest magnitude that a whole number of A may have, to both sides. */
  public int magnitude() {
    return kind == Kind.BYTES ? 127 : 255;
  }

  /** Whether numbers become f32 before they are multiplied with an f32. */
  public boolean isNarrow() {
    return kind == Kind.F16 || kind == Kind.BLOCKS;
  }

  /**
   * Whether a tile of so many rows makes f32 of its weights in registers. Otherwise those of a
   * panel are made f32 in scratch, once for all rows of a block of C.
   */
  public boolean isDirect(int rows) {
    return isNarrow() && rows <= DIRECT_ROWS;
  }

  /**
   * Of so many vector registers those that a schedule may count on: products of whole numbers wait
   * in one before they are added, and digits have sums of their own.
   */
  public int registers(int all) {
    return switch (kind) {
      case I8, I16 -> all - 1;
      case DIGITS -> all / 2 + 1;
      default -> all;
    };
  }

  /** Neighbouring k that are one step of a panel: four bytes of a row of A. */
  public int depth() {
    return isBytes() ? 4 : isWhole() ? 2 : 1;
  }

  /** Steps of a panel. The last is filled up with zeros. */
  public int steps(int k) {
    return (k + depth() - 1) / depth();
  }

  /** Bytes of a row of A. */
  public long rowBytes(int k) {
    return 4L * steps(k) * digits();
  }

  /** Bytes of one step of a panel, where it has steps. */
  public int stepBytes() {
    return kind == Kind.F16 || kind == Kind.I8 ? 8 : 16;
  }

  /** Bytes of the numbers of a block, of four columns. */
  public int numberBytes() {
    return block * bits / 2;
  }

  /** Bytes of a block of four columns: scales, numbers, zero points. */
  public int blockBytes() {
    return 16 + numberBytes() + (zeros ? 4 : 0);
  }

  /** Bytes of a panel of four columns. */
  public long panelBytes(long k) {
    return switch (kind) {
      case F32 -> k * 16;
      case F16, I16 -> (k + 1) / 2 * 16;
      case I8 -> (k + 1) / 2 * 8;
      case BYTES, DIGITS -> (k + 3) / 4 * 16;
      case BLOCKS -> (k + block - 1) / block * blockBytes();
    };
  }

  /** Bytes of the sums of packed columns, i32, where a product needs them. */
  public long sumBytes(long n) {
    return isBytes() ? (n + 3) / 4 * 16 : 0;
  }

  /** Bytes of packed weights; the last panel is padded with zeros. */
  public long bytes(long k, long n) {
    return (n + 3) / 4 * panelBytes(k);
  }
}
