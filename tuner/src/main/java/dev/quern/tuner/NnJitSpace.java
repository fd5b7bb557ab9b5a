package dev.quern.tuner;

import dev.quern.schedule.Schedule;
import java.util.ArrayList;
import java.util.List;

/**
 * The search space of nnJIT (arXiv 2309.08978), as a baseline: blocks mb, kb, nb of the powers of
 * two from 4 to 256, register tiles mr, nr of 4, 8, 16, 32. Kept if the registers {@code mr·(nr/4)
 * + mr + nr/4} fill 80 to 100 % of the SIMD registers and the blocks of A, B and C fill 90 to 100 %
 * of L1.
 *
 * @param registers SIMD registers of the device
 * @param l1Bytes first-level data cache
 */
public record NnJitSpace(int registers, int l1Bytes) {
  private static final int[] BLOCKS = {4, 8, 16, 32, 64, 128, 256};
  private static final int[] TILES = {4, 8, 16, 32};

  /** Points of the grid whose tile divides its block. */
  public int rawSize() {
    int size = 0;
    for (int mb : BLOCKS) {
      for (int nb : BLOCKS) {
        for (int mr : TILES) {
          for (int nr : TILES) {
            size += mr <= mb && nr <= nb ? BLOCKS.length : 0;
          }
        }
      }
    }
    return size;
  }

  /**
   * The points that both rules keep.
   *
   * @param fma whether the schedules fuse multiply and add; nnJIT has no such choice
   */
  public List<Schedule> pruned(boolean fma) {
    List<Schedule> kept = new ArrayList<>();
    for (int mr : TILES) {
      for (int nr : TILES) {
        int used = 100 * (mr * (nr / 4) + mr + nr / 4);
        if (used >= 80 * registers && used <= 100 * registers) {
          blocks(kept, mr, nr, fma);
        }
      }
    }
    return kept;
  }

  private void blocks(List<Schedule> kept, int mr, int nr, boolean fma) {
    for (int mb : BLOCKS) {
      for (int nb : BLOCKS) {
        for (int kb : BLOCKS) {
          long bytes = 400L * (mb * kb + kb * nb + mb * nb);
          boolean fills = bytes >= 90L * l1Bytes && bytes <= 100L * l1Bytes;
          if (fills && mr <= mb && nr <= nb) {
            kept.add(new Schedule(mr, nr, mb, nb, kb, 1, fma, Schedule.Order.N));
          }
        }
      }
    }
  }
}
