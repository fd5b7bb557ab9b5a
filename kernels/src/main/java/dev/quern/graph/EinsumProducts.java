package dev.quern.graph;

import java.util.ArrayList;
import java.util.List;

/**
 * An equation of Einstein's sums as products of matrices, one operand after the other: letters that
 * both sides and the result have are batches, those that the result lacks are summed.
 */
final class EinsumProducts {
  /** A value and the letters of its axes. */
  private record Term(Value value, String letters) {
    Dim dim(char letter) {
      return value.shape().dim(letters.indexOf(letter));
    }
  }

  private final Compose c;

  private EinsumProducts(Compose c) {
    this.c = c;
  }

  /**
   * Writes the equation.
   *
   * @param terms letters of each operand's axes
   * @param result those of the result's
   * @return the result, or null, and nothing is written, if one of them has a letter twice or a
   *     letter has two sizes
   */
  static Value write(Compose c, List<String> terms, String result) {
    List<Term> operands = new ArrayList<>();
    for (int i = 0; i < terms.size(); i++) {
      operands.add(new Term(c.input(i), terms.get(i)));
    }
    for (int i = 0; i < result.length(); i++) {
      if (result.indexOf(result.charAt(i)) != i) {
        return null;
      }
    }
    for (Term term : operands) {
      for (int i = 0; i < term.letters.length(); i++) {
        char letter = term.letters.charAt(i);
        if (term.letters.indexOf(letter) != i) {
          return null;
        }
        for (Term other : operands) {
          if (has(other.letters, letter) && !other.dim(letter).equals(term.dim(letter))) {
            return null;
          }
        }
      }
    }
    EinsumProducts products = new EinsumProducts(c);
    Term term = operands.getFirst();
    for (int i = 1; i < operands.size(); i++) {
      String needed = result + String.join("", terms.subList(i + 1, terms.size()));
      term = products.pair(term, operands.get(i), needed);
    }
    return products.ordered(products.summed(term, result), result).value;
  }

  private static boolean has(String letters, char letter) {
    return letters.indexOf(letter) >= 0;
  }

  /** The letters of one that the others have, or lack. */
  private static String those(String letters, String others, boolean have) {
    StringBuilder found = new StringBuilder();
    for (int i = 0; i < letters.length(); i++) {
      if (has(others, letters.charAt(i)) == have) {
        found.append(letters.charAt(i));
      }
    }
    return found.toString();
  }

  /** Sums all axes whose letters are not needed. */
  private Term summed(Term term, String needed) {
    List<Long> axes = new ArrayList<>();
    for (int i = 0; i < term.letters.length(); i++) {
      if (!has(needed, term.letters.charAt(i))) {
        axes.add((long) i);
      }
    }
    Value value = c.reduce("ReduceSum", term.value, axes, false);
    return new Term(value, those(term.letters, needed, true));
  }

  private Term ordered(Term term, String letters) {
    if (term.letters.equals(letters)) {
      return term;
    }
    long[] perm = new long[letters.length()];
    for (int i = 0; i < perm.length; i++) {
      perm[i] = term.letters.indexOf(letters.charAt(i));
    }
    return new Term(c.transpose(term.value, perm), letters);
  }

  private static List<Dim> dims(Term term, String letters) {
    List<Dim> dims = new ArrayList<>();
    for (int i = 0; i < letters.length(); i++) {
      dims.add(term.dim(letters.charAt(i)));
    }
    return dims;
  }

  private static Dim size(Term term, String letters) {
    return new Shape(dims(term, letters)).size();
  }

  private Term pair(Term first, Term second, String needed) {
    Term a = summed(first, needed + second.letters);
    Term b = summed(second, needed + first.letters);
    String both = those(a.letters, b.letters, true);
    String batch = those(both, needed, true);
    String inner = those(both, needed, false);
    String left = those(a.letters, b.letters, false);
    String right = those(b.letters, a.letters, false);
    Term rows = ordered(a, batch + left + inner);
    Term columns = ordered(b, batch + inner + right);
    List<Dim> from = new ArrayList<>(dims(rows, batch));
    List<Dim> to = new ArrayList<>(from);
    Value product;
    if (inner.isEmpty()) {
      from.addAll(dims(rows, left));
      for (int i = 0; i < right.length(); i++) {
        from.add(Dim.ONE);
      }
      for (int i = 0; i < left.length(); i++) {
        to.add(Dim.ONE);
      }
      to.addAll(dims(columns, right));
      Value spread = c.reshape(rows.value, new Shape(from));
      product = c.apply(ElementwiseOp.MUL, spread, c.reshape(columns.value, new Shape(to)));
    } else {
      from.addAll(List.of(size(rows, left), size(rows, inner)));
      to.addAll(List.of(size(columns, inner), size(columns, right)));
      Value matrix = c.reshape(rows.value, new Shape(from));
      product = c.matMul(matrix, c.reshape(columns.value, new Shape(to)));
    }
    List<Dim> dims = new ArrayList<>(dims(rows, batch + left));
    dims.addAll(dims(columns, right));
    return new Term(c.reshape(product, new Shape(dims)), batch + left + right);
  }
}
