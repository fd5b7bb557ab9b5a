package dev.quern.tuner;

import dev.quern.schedule.Features;
import dev.quern.schedule.RowBucket;
import dev.quern.schedule.Schedule;
import java.util.ArrayList;
import java.util.List;

/** Prints how many schedules the search spaces hold, raw and pruned, beside nnJIT's. */
public final class SpacePrinter {
  private SpacePrinter() {}

  /** A kernel of depth k and width n. */
  public record Size(int k, int n) {}

  /** The matmuls of all-MiniLM-L6-v2: QKV, output, and the two of the feed-forward part. */
  public static final List<Size> MINILM =
      List.of(new Size(384, 1152), new Size(384, 384), new Size(384, 1536), new Size(1536, 384));

  /** One line for each kernel and bucket. */
  public static String table(List<Size> kernels, DeviceProfile profile) {
    StringBuilder out = new StringBuilder();
    out.append("     k      n  bucket        raw  pruned  nnJIT raw  pruned  first candidate\n");
    NnJitSpace paper = new NnJitSpace(profile.registers(), profile.l1Bytes());
    for (Size kernel : kernels) {
      for (RowBucket bucket : RowBucket.values()) {
        SearchSpace space = new SearchSpace(kernel.k(), kernel.n(), bucket, profile);
        List<Schedule> pruned = space.pruned();
        cell(out, kernel.k(), 6);
        cell(out, kernel.n(), 7);
        out.append("  ").append(bucket.label());
        pad(out, bucket.label().length(), 6);
        cell(out, space.rawSize(), 11);
        cell(out, pruned.size(), 8);
        cell(out, paper.rawSize(), 11);
        cell(out, paper.pruned(profile.useful().relaxedSimd()).size(), 8);
        out.append("  ").append(pruned.isEmpty() ? "-" : pruned.get(0).text()).append('\n');
      }
    }
    return out.toString();
  }

  private static void cell(StringBuilder out, long number, int width) {
    String text = Long.toString(number);
    pad(out, text.length(), width);
    out.append(text);
  }

  private static void pad(StringBuilder out, int used, int width) {
    for (int i = used; i < width; i++) {
      out.append(' ');
    }
  }

  /** Arguments: pairs {@code KxN}; without any, the kernels of all-MiniLM-L6-v2. */
  public static void main(String[] arguments) {
    List<Size> sizes = new ArrayList<>();
    for (String argument : arguments) {
      int x = argument.indexOf('x');
      if (x < 1) {
        throw new IllegalArgumentException("'" + argument + "' is no KxN, such as 384x1152");
      }
      sizes.add(
          new Size(
              Integer.parseInt(argument.substring(0, x)),
              Integer.parseInt(argument.substring(x + 1))));
    }
    DeviceProfile profile = DeviceProfile.guess("v8", new Features(true, true), 2);
    System.out.print(table(sizes.isEmpty() ? MINILM : sizes, profile));
  }
}
