package dev.quern.schedule;

/**
 * The classes of m, the rows of a matmul, that have schedules of their own: m changes with every
 * input, so that a schedule serves a range of it. The label is part of stored records.
 */
public enum RowBucket {
  ONE("1", 1, 1),
  FEW("2-8", 2, 8),
  TENS("9-32", 9, 32),
  HUNDRED("33-128", 33, 128),
  /** Open above; {@link #most} is what searches and heuristics plan for. */
  MORE("more", 129, 512);

  private final String label;
  private final int least;
  private final int most;

  RowBucket(String label, int least, int most) {
    this.label = label;
    this.least = least;
    this.most = most;
  }

  /** The name in records: {@code 1}, {@code 2-8}, {@code 9-32}, {@code 33-128}, {@code more}. */
  public String label() {
    return label;
  }

  /** The fewest rows of the bucket. */
  public int least() {
    return least;
  }

  /** The most rows of the bucket; for {@link #MORE} a typical number of rows. */
  public int most() {
    return most;
  }

  /**
   * The bucket of a matmul with {@code rows} rows.
   *
   * @throws IllegalArgumentException if {@code rows} is less than 1
   */
  public static RowBucket of(long rows) {
    if (rows < 1) {
      throw new IllegalArgumentException("a matmul has " + rows + " rows: it needs at least 1");
    }
    return rows == 1 ? ONE : rows <= 8 ? FEW : rows <= 32 ? TENS : rows <= 128 ? HUNDRED : MORE;
  }

  /**
   * The bucket with a label.
   *
   * @throws IllegalArgumentException naming the label if there is none
   */
  public static RowBucket parse(String label) {
    for (RowBucket bucket : values()) {
      if (bucket.label.equals(label)) {
        return bucket;
      }
    }
    throw new IllegalArgumentException(
        "bucket '" + label + "' is none of 1, 2-8, 9-32, 33-128, more");
  }
}
