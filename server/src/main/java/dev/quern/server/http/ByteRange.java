package dev.quern.server.http;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * Bytes {@code first} to {@code last}, both included, of a known whole (RFC 9110, 14).
 *
 * @param first from 0
 * @param last at least {@code first}, less than the length of the whole
 */
public record ByteRange(long first, long last) {
  /** More ranges than this after merging are an attack or a mistake: the header is ignored. */
  private static final int MOST = 16;

  public long length() {
    return last - first + 1;
  }

  /**
   * Reads a {@code Range} header.
   *
   * @return empty if there is no header or it must be ignored (another unit, malformed, too many);
   *     an empty list if none of the ranges can be satisfied; else the ranges, merged where they
   *     touch, in ascending order
   */
  public static Optional<List<ByteRange>> parse(String header, long length) {
    if (header == null || !header.toLowerCase(Locale.ROOT).startsWith("bytes=")) {
      return Optional.empty();
    }
    List<ByteRange> found = new ArrayList<>();
    for (String spec : header.substring("bytes=".length()).split(",", -1)) {
      String text = spec.trim();
      int dash = text.indexOf('-');
      if (dash < 0) {
        return Optional.empty();
      }
      long first = number(text.substring(0, dash));
      long last = number(text.substring(dash + 1));
      boolean suffix = dash == 0;
      boolean open = dash == text.length() - 1;
      boolean malformed = suffix ? last < 0 : first < 0 || (!open && last < first);
      if (malformed) {
        return Optional.empty();
      }
      if (suffix && last > 0 && length > 0) {
        found.add(new ByteRange(Math.max(0, length - last), length - 1));
      } else if (!suffix && first < length) {
        found.add(new ByteRange(first, open ? length - 1 : Math.min(last, length - 1)));
      }
    }
    List<ByteRange> merged = merge(found);
    return merged.size() > MOST ? Optional.empty() : Optional.of(merged);
  }

  private static List<ByteRange> merge(List<ByteRange> ranges) {
    ranges.sort(Comparator.comparingLong(ByteRange::first));
    List<ByteRange> merged = new ArrayList<>();
    for (ByteRange range : ranges) {
      ByteRange before = merged.isEmpty() ? null : merged.getLast();
      if (before != null && range.first <= before.last + 1) {
        merged.set(
            merged.size() - 1, new ByteRange(before.first, Math.max(before.last, range.last)));
      } else {
        merged.add(range);
      }
    }
    return List.copyOf(merged);
  }

  /**
   * A whole number, or -1 if it is none; one too large for a long stands for "as far as it goes".
   */
  private static long number(String digits) {
    if (digits.isEmpty()) {
      return -1;
    }
    long value = 0;
    for (int i = 0; i < digits.length(); i++) {
      int digit = digits.charAt(i) - '0';
      if (digit < 0 || digit > 9) {
        return -1;
      }
      value = value > (Long.MAX_VALUE - 9) / 10 ? Long.MAX_VALUE - 9 : value * 10 + digit;
    }
    return value;
  }
}
