package dev.quern.schedule;

import java.util.ArrayList;
import java.util.List;

/**
 * Everything that can be chosen about a matmul kernel; heuristic, search and stored record all
 * produce this value. Names as in the BLIS papers, sizes in elements.
 *
 * @param mr rows of C that a register tile holds
 * @param nr columns of C that a register tile holds, a multiple of 4
 * @param mc rows of the block of C that one work item computes, a multiple of {@code mr}
 * @param nc columns of that block, a multiple of {@code nr}
 * @param kc depth of the block of A and B read before the accumulators are written back
 * @param unroll steps of k in one pass of the innermost loop
 * @param fma multiply and add in one rounding where the device has relaxed SIMD
 * @param order which of the two tile loops is the inner one
 */
public record Schedule(
    int mr, int nr, int mc, int nc, int kc, int unroll, boolean fma, Order order) {

  /** The inner tile loop. */
  public enum Order {
    /** Rows are the inner loop: a panel of B stays in L1 while the tiles walk down A. */
    M,
    /** Columns are the inner loop: the rows of A stay in L1 while the tiles walk along B. */
    N
  }

  /** The register tile's accumulators, B vectors and the splat of A that a load holds. */
  public int registers() {
    return CostModel.registers(mr, nr);
  }

  /**
   * Why this schedule may not serve a matmul of depth {@code k} and width {@code n}; empty if it
   * may. Schedules from outside (a server, a stored record) pass through here before anything is
   * emitted.
   */
  public List<String> problems(Features features) {
    List<String> found = new ArrayList<>();
    range(found, "mr", mr, 1, 16);
    range(found, "nr", nr, 4, 32);
    range(found, "mc", mc, 1, 4096);
    range(found, "nc", nc, 4, 65536);
    range(found, "kc", kc, 1, 1 << 20);
    range(found, "unroll", unroll, 1, 8);
    if (!found.isEmpty()) {
      return found;
    }
    if (nr % 4 != 0) {
      found.add("nr=" + nr + " is not a multiple of 4");
    }
    if (mc % mr != 0) {
      found.add("mc=" + mc + " is not a multiple of mr=" + mr);
    }
    if (nc % nr != 0) {
      found.add("nc=" + nc + " is not a multiple of nr=" + nr);
    }
    if (kc % unroll != 0) {
      found.add("kc=" + kc + " is not a multiple of unroll=" + unroll);
    }
    if (mr * (nr / 4) > 64) {
      found.add("a tile of " + mr + "x" + nr + " needs more than 64 accumulators");
    }
    if (fma && !features.relaxedSimd()) {
      found.add("fma=1 needs relaxed SIMD, which this device does not have");
    }
    return found;
  }

  private static void range(List<String> found, String name, int value, int least, int most) {
    if (value < least || value > most) {
      found.add(name + "=" + value + " is outside " + least + ".." + most);
    }
  }

  /** One line, e.g. {@code mr=6 nr=8 mc=48 nc=128 kc=384 unroll=2 fma=1 order=n}. */
  public String text() {
    return "mr="
        + mr
        + " nr="
        + nr
        + " mc="
        + mc
        + " nc="
        + nc
        + " kc="
        + kc
        + " unroll="
        + unroll
        + " fma="
        + (fma ? 1 : 0)
        + " order="
        + (order == Order.M ? "m" : "n");
  }

  /**
   * Reads back what {@link #text} wrote.
   *
   * @throws IllegalArgumentException naming the field that is missing, unknown or no number
   */
  public static Schedule parse(String text) {
    int[] numbers = new int[7];
    boolean[] seen = new boolean[8];
    Order order = Order.M;
    for (String field : split(text)) {
      int equals = field.indexOf('=');
      int index = equals < 0 ? -1 : NAMES.indexOf(field.substring(0, equals));
      if (index < 0) {
        throw new IllegalArgumentException("schedule has the unknown field '" + field + "'");
      }
      if (seen[index]) {
        throw new IllegalArgumentException("schedule has '" + NAMES.get(index) + "' twice");
      }
      seen[index] = true;
      String value = field.substring(equals + 1);
      if (index == 7) {
        if (!value.equals("m") && !value.equals("n")) {
          throw new IllegalArgumentException("order=" + value + " is neither m nor n");
        }
        order = value.equals("m") ? Order.M : Order.N;
      } else {
        numbers[index] = number(NAMES.get(index), value);
      }
    }
    for (int i = 0; i < seen.length; i++) {
      if (!seen[i]) {
        throw new IllegalArgumentException("schedule lacks '" + NAMES.get(i) + "'");
      }
    }
    if (numbers[6] > 1) {
      throw new IllegalArgumentException("fma=" + numbers[6] + " is neither 0 nor 1");
    }
    return new Schedule(
        numbers[0],
        numbers[1],
        numbers[2],
        numbers[3],
        numbers[4],
        numbers[5],
        numbers[6] == 1,
        order);
  }

  private static final List<String> NAMES =
      List.of("mr", "nr", "mc", "nc", "kc", "unroll", "fma", "order");

  private static int number(String name, String digits) {
    if (digits.isEmpty() || digits.length() > 9) {
      throw new IllegalArgumentException(name + "=" + digits + " is no whole number");
    }
    int value = 0;
    for (int i = 0; i < digits.length(); i++) {
      int digit = digits.charAt(i) - '0';
      if (digit < 0 || digit > 9) {
        throw new IllegalArgumentException(name + "=" + digits + " is no whole number");
      }
      value = value * 10 + digit;
    }
    return value;
  }

  private static List<String> split(String text) {
    List<String> fields = new ArrayList<>();
    int start = 0;
    for (int i = 0; i <= text.length(); i++) {
      if (i == text.length() || text.charAt(i) == ' ') {
        if (i > start) {
          fields.add(text.substring(start, i));
        }
        start = i + 1;
      }
    }
    return fields;
  }
}
