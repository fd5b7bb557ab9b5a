package dev.quern.tuner;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;

/**
 * Work in pieces that are done one at a time, in order. A piece may add others: they come before
 * those that were there already, in the order in which it adds them.
 */
final class Pieces {
  private final Deque<Runnable> waiting = new ArrayDeque<>();
  private final List<Runnable> added = new ArrayList<>();

  void add(Runnable piece) {
    added.add(piece);
  }

  /** Does the next piece: whether any is left. */
  boolean next() {
    take();
    Runnable piece = waiting.poll();
    if (piece != null) {
      piece.run();
      take();
    }
    return !waiting.isEmpty();
  }

  private void take() {
    for (int i = added.size() - 1; i >= 0; i--) {
      waiting.push(added.get(i));
    }
    added.clear();
  }
}
