package dev.quern.schedule;

/**
 * What {@code i32x4.relaxed_dot_i8x16_i7x16_add_s} makes of bytes of its second operand above 127,
 * which the specification leaves to the machine. Where every sum is exact the one instruction does
 * what takes five of fixed width. One browser on one machine always does the same.
 */
public enum ByteDot {
  /** Sums of two products saturate, or there is no such instruction. */
  NONE,
  /** They are numbers from 128 to 255: x86-64 with VNNI. */
  UNSIGNED,
  /** They are numbers from -128 to -1: ARM. */
  SIGNED
}
