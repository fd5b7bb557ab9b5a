package dev.quern.kernel;

import dev.quern.schedule.CostModel;
import dev.quern.schedule.Heuristic;

/**
 * The register tile of a convolution: pixels of a row by channels.
 *
 * @param mr pixels
 * @param nr channels, a multiple of 4
 */
public record TileChoice(int mr, int nr) {
  /** The tile that covers rows of so many pixels and so many channels in the fewest cycles. */
  public static TileChoice best(int pixels, int channels) {
    TileChoice best = new TileChoice(1, 4);
    double least = Double.MAX_VALUE;
    for (int mr = 1; mr <= Math.min(8, pixels); mr++) {
      for (int nr = 4; nr <= Math.min(16, (channels + 3) / 4 * 4); nr += 4) {
        if (CostModel.registers(mr, nr) > Heuristic.DEFAULT_REGISTERS) {
          continue;
        }
        int whole = channels / nr;
        double cycles = whole * rows(pixels, mr, nr);
        if (channels % nr > 0) {
          cycles += rows(pixels, mr, channels % nr);
        }
        if (cycles < least) {
          least = cycles;
          best = new TileChoice(mr, nr);
        }
      }
    }
    return best;
  }

  private static double rows(int pixels, int mr, int nr) {
    int whole = pixels / mr;
    double cycles = whole * tile(mr, nr);
    for (int rest = pixels % mr; rest > 0; rest -= Integer.highestOneBit(rest)) {
      cycles += tile(Integer.highestOneBit(rest), nr);
    }
    return cycles;
  }

  private static double tile(int mr, int nr) {
    return CostModel.tileCycles(mr, nr, 4, true, Heuristic.DEFAULT_REGISTERS);
  }
}
