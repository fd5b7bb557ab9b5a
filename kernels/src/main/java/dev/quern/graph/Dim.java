package dev.quern.graph;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;

/**
 * A size, known or symbolic: a polynomial with whole coefficients over symbols such as {@code
 * batch_size}, in canonical form, so that equal polynomials are {@link #equals equal}. Divisions
 * that are not exact, minima and maxima are opaque factors of it.
 *
 * <p>A symbol stands for the size of an input's axis, which is at least 1: a run refuses 0 ({@link
 * Graph#bind}); those of {@link #symbolOrZero} may be 0. That is what {@link #isAtLeast} proves
 * from. Results that do not fit 64 bits, or polynomials of more than {@value #MOST_TERMS} terms,
 * throw {@link ArithmeticException}.
 */
public final class Dim {
  /** Terms that a polynomial may have; real models need fewer than five. */
  static final int MOST_TERMS = 64;

  /** Replacements in one proof of an order. */
  private static final int DEEPEST_PROOF = 3;

  /** 0. */
  public static final Dim ZERO = new Dim(0, List.of());

  /** 1. */
  public static final Dim ONE = new Dim(1, List.of());

  /** A factor of a term, ordered by its text. */
  private sealed interface Atom {
    String text();
  }

  /** A name of which a number is known that it is never below. */
  private record Symbol(String text, long least) implements Atom {}

  private enum Kind {
    FLOOR,
    MIN,
    MAX
  }

  private record Opaque(Kind kind, Dim left, Dim right, String text) implements Atom {}

  /** A coefficient, not 0, times at least one factor; the factors are sorted by text. */
  private record Term(long coefficient, List<Atom> factors) {}

  private final long constant;

  /** Sorted from the leading term down, in graded lexicographic order. */
  private final List<Term> terms;

  private String text = "";

  private Dim(long constant, List<Term> terms) {
    this.constant = constant;
    this.terms = terms;
  }

  /** A known size. */
  public static Dim of(long value) {
    return value == 0 ? ZERO : value == 1 ? ONE : new Dim(value, List.of());
  }

  /** The size that a name stands for. */
  public static Dim symbol(String name) {
    if (name.isEmpty()) {
      throw new IllegalArgumentException("a symbol needs a name");
    }
    return ofAtom(new Symbol(name, 1));
  }

  /** The size, perhaps 0, that a name stands for; the name is not that of another symbol. */
  public static Dim symbolOrZero(String name) {
    return ofAtom(new Symbol(name, 0));
  }

  private static Dim ofAtom(Atom atom) {
    return new Dim(0, List.of(new Term(1, List.of(atom))));
  }

  /** Whether this is a known number. */
  public boolean isConstant() {
    return terms.isEmpty();
  }

  /** The known number; throws {@link IllegalStateException} if there are symbols in it. */
  public long constant() {
    if (!isConstant()) {
      throw new IllegalStateException("the size " + this + " is known at run time only");
    }
    return constant;
  }

  /** Whether this is the known number {@code value}. */
  public boolean is(long value) {
    return terms.isEmpty() && constant == value;
  }

  /** This plus another. */
  public Dim plus(Dim other) {
    if (isConstant() && other.isConstant()) {
      return of(Math.addExact(constant, other.constant));
    }
    return sum(this, other, 1);
  }

  /** This minus another. */
  public Dim minus(Dim other) {
    if (isConstant() && other.isConstant()) {
      return of(Math.subtractExact(constant, other.constant));
    }
    return sum(this, other, -1);
  }

  /** This times another. */
  public Dim times(Dim other) {
    if (isConstant() && other.isConstant()) {
      return of(Math.multiplyExact(constant, other.constant));
    }
    if (other.is(1)) {
      return this;
    }
    if (is(1)) {
      return other;
    }
    Dim result = other.scaled(constant);
    for (Term term : terms) {
      result = result.plus(other.timesTerm(term));
    }
    return result;
  }

  /**
   * The quotient, rounded down. It is exact where this is a multiple of the divisor; what is left
   * is an opaque factor. A divisor of 0 throws {@link ArithmeticException}.
   */
  public Dim dividedBy(Dim divisor) {
    if (divisor.is(0)) {
      throw new ArithmeticException("division of the size " + this + " by 0");
    }
    if (divisor.isConstant()) {
      return dividedByConstant(divisor.constant);
    }
    if (is(0)) {
      return ZERO;
    }
    Term lead = divisor.terms.getFirst();
    Dim quotient = ZERO;
    Dim rest = this;
    for (int steps = 0; steps <= MOST_TERMS && !rest.terms.isEmpty(); steps++) {
      Dim part = quotientOf(rest.terms.getFirst(), lead);
      if (part.is(0)) {
        break;
      }
      quotient = quotient.plus(part);
      rest = rest.minus(part.times(divisor));
    }
    if (rest.is(0)) {
      return quotient;
    }
    return opaque(Kind.FLOOR, this, divisor);
  }

  private Dim dividedByConstant(long divisor) {
    if (isConstant()) {
      return of(Math.floorDiv(constant, divisor));
    }
    // With p = c·q + r, and every coefficient of r in [0, c): ⌊p/c⌋ = q + ⌊r/c⌋.
    List<Term> quotient = new ArrayList<>();
    List<Term> rest = new ArrayList<>();
    for (Term term : terms) {
      addTerm(quotient, Math.floorDiv(term.coefficient, divisor), term.factors);
      addTerm(rest, Math.floorMod(term.coefficient, divisor), term.factors);
    }
    Dim whole = new Dim(Math.floorDiv(constant, divisor), List.copyOf(quotient));
    if (rest.isEmpty()) {
      return whole;
    }
    Dim remainder = new Dim(Math.floorMod(constant, divisor), List.copyOf(rest));
    return whole.plus(opaque(Kind.FLOOR, remainder, of(divisor)));
  }

  /** The smaller one. */
  public Dim min(Dim other) {
    if (other.isAtLeast(this)) {
      return this;
    }
    return isAtLeast(other) ? other : commutative(Kind.MIN, this, other);
  }

  /** The larger one. */
  public Dim max(Dim other) {
    if (other.isAtLeast(this)) {
      return other;
    }
    return isAtLeast(other) ? this : commutative(Kind.MAX, this, other);
  }

  /** Whether this is proven not to be smaller than another, whatever the symbols stand for. */
  public boolean isAtLeast(Dim other) {
    if (isConstant() && other.isConstant()) {
      return constant >= other.constant;
    }
    return minus(other).isNotNegative(DEEPEST_PROOF);
  }

  /**
   * Proves that this is not negative, from a lower bound, or by putting something larger in the
   * place of what is subtracted: {@code ⌊n/d⌋ ≤ n/d}, {@code min(a, b) ≤ a}.
   */
  private boolean isNotNegative(int depth) {
    if (lowerBound() >= 0) {
      return true;
    }
    for (Term term : terms) {
      boolean isSubtracted = term.coefficient < 0 && term.factors.size() == 1;
      if (!isSubtracted || depth == 0 || !(term.factors.getFirst() instanceof Opaque o)) {
        continue;
      }
      Dim rest = minus(new Dim(0, List.of(term)));
      boolean proven =
          switch (o.kind) {
            case FLOOR ->
                o.right.isAtLeast(ONE)
                    && rest.times(o.right)
                        .plus(o.left.scaled(term.coefficient))
                        .isNotNegative(depth - 1);
            case MIN ->
                rest.plus(o.left.scaled(term.coefficient)).isNotNegative(depth - 1)
                    || rest.plus(o.right.scaled(term.coefficient)).isNotNegative(depth - 1);
            case MAX ->
                rest.plus(o.left.scaled(term.coefficient)).isNotNegative(depth - 1)
                    && rest.plus(o.right.scaled(term.coefficient)).isNotNegative(depth - 1);
          };
      if (proven) {
        return true;
      }
    }
    return false;
  }

  /** Whether this and another are proven to differ, whatever the symbols stand for. */
  public boolean differsFrom(Dim other) {
    return isAtLeast(other.plus(ONE)) || other.isAtLeast(plus(ONE));
  }

  /** A number that this is never below; the smallest long where none is known. */
  private long lowerBound() {
    long bound = constant;
    for (Term term : terms) {
      long product = term.coefficient;
      for (Atom factor : term.factors) {
        long least = lowerBound(factor);
        if (product < 0 || least < 0) {
          return Long.MIN_VALUE;
        }
        product = Math.multiplyExact(product, least);
      }
      bound = Math.addExact(bound, product);
    }
    return bound;
  }

  private static long lowerBound(Atom atom) {
    return switch (atom) {
      case Symbol symbol -> symbol.least;
      case Opaque o -> {
        long left = o.left.lowerBound();
        long right = o.right.lowerBound();
        yield switch (o.kind) {
          case FLOOR -> left >= 0 && right >= 0 ? 0 : Long.MIN_VALUE;
          case MIN -> Math.min(left, right);
          case MAX -> Math.max(left, right);
        };
      }
    };
  }

  /** The number for given symbols. A missing symbol throws {@link IllegalArgumentException}. */
  public long evaluate(Map<String, Long> symbols) {
    long sum = constant;
    for (Term term : terms) {
      long product = term.coefficient;
      for (Atom factor : term.factors) {
        product = Math.multiplyExact(product, evaluate(factor, symbols));
      }
      sum = Math.addExact(sum, product);
    }
    return sum;
  }

  private static long evaluate(Atom atom, Map<String, Long> symbols) {
    switch (atom) {
      case Symbol symbol -> {
        Long value = symbols.get(symbol.text);
        if (value == null) {
          throw new IllegalArgumentException("no value is given for the symbol " + symbol.text);
        }
        return value;
      }
      case Opaque o -> {
        long left = o.left.evaluate(symbols);
        long right = o.right.evaluate(symbols);
        return switch (o.kind) {
          case MIN -> Math.min(left, right);
          case MAX -> Math.max(left, right);
          case FLOOR -> {
            if (right == 0) {
              throw new ArithmeticException("division by 0 in the size " + o.text);
            }
            yield Math.floorDiv(left, right);
          }
        };
      }
    }
  }

  /** Adds the names of all symbols in this size to a collection. */
  public void addSymbolsTo(Collection<String> target) {
    for (Term term : terms) {
      for (Atom factor : term.factors) {
        switch (factor) {
          case Symbol symbol -> target.add(symbol.text);
          case Opaque o -> {
            o.left.addSymbolsTo(target);
            o.right.addSymbolsTo(target);
          }
        }
      }
    }
  }

  /** Whether this is one symbol and nothing else. */
  public boolean isSymbol() {
    return constant == 0
        && terms.size() == 1
        && terms.getFirst().coefficient == 1
        && terms.getFirst().factors.size() == 1
        && terms.getFirst().factors.getFirst() instanceof Symbol;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Dim dim
        && constant == dim.constant
        && terms.size() == dim.terms.size()
        && (terms.isEmpty() || toString().equals(dim.toString()));
  }

  @Override
  public int hashCode() {
    return isConstant() ? Long.hashCode(constant) : toString().hashCode();
  }

  /** The canonical text: {@code 384}, {@code 12*batch_size + 1}, {@code floor(seq, 2)}. */
  @Override
  public String toString() {
    if (text.isEmpty()) {
      text = print();
    }
    return text;
  }

  private String print() {
    if (isConstant()) {
      return Long.toString(constant);
    }
    StringBuilder out = new StringBuilder();
    for (Term term : terms) {
      boolean first = out.isEmpty();
      if (!first) {
        out.append(term.coefficient < 0 ? " - " : " + ");
      }
      if (first && term.coefficient == -1) {
        out.append('-');
      } else if (first && term.coefficient != 1) {
        out.append(term.coefficient).append('*');
      } else if (!first && Math.abs(term.coefficient) != 1) {
        out.append(magnitude(term.coefficient)).append('*');
      }
      for (int i = 0; i < term.factors.size(); i++) {
        out.append(i == 0 ? "" : "*").append(term.factors.get(i).text());
      }
    }
    if (constant != 0) {
      out.append(constant < 0 ? " - " : " + ").append(magnitude(constant));
    }
    return out.toString();
  }

  /** The digits of a number without its sign; the smallest long has no positive counterpart. */
  private static String magnitude(long value) {
    String digits = Long.toString(value);
    return value < 0 ? digits.substring(1) : digits;
  }

  private static Dim opaque(Kind kind, Dim left, Dim right) {
    String name =
        switch (kind) {
          case FLOOR -> "floor(";
          case MIN -> "min(";
          case MAX -> "max(";
        };
    String text = name + left + ", " + right + ")";
    if (text.length() > 4096) {
      throw new ArithmeticException("a size is too complicated: " + text.substring(0, 80) + "…");
    }
    return ofAtom(new Opaque(kind, left, right, text));
  }

  private static Dim commutative(Kind kind, Dim a, Dim b) {
    boolean inOrder = a.toString().compareTo(b.toString()) <= 0;
    return inOrder ? opaque(kind, a, b) : opaque(kind, b, a);
  }

  private Dim scaled(long factor) {
    if (factor == 0) {
      return ZERO;
    }
    List<Term> result = new ArrayList<>(terms.size());
    for (Term term : terms) {
      addTerm(result, Math.multiplyExact(term.coefficient, factor), term.factors);
    }
    return make(Math.multiplyExact(constant, factor), result);
  }

  /** This times one term; the order of terms is kept, because it is compatible with products. */
  private Dim timesTerm(Term by) {
    List<Term> result = new ArrayList<>(terms.size() + 1);
    for (Term term : terms) {
      addTerm(
          result,
          Math.multiplyExact(term.coefficient, by.coefficient),
          product(term.factors, by.factors));
    }
    addTerm(result, Math.multiplyExact(constant, by.coefficient), by.factors);
    return make(0, result);
  }

  private static Dim sum(Dim a, Dim b, long sign) {
    List<Term> result = new ArrayList<>(a.terms.size() + b.terms.size());
    int i = 0;
    int j = 0;
    while (i < a.terms.size() || j < b.terms.size()) {
      int order;
      if (i == a.terms.size()) {
        order = 1;
      } else if (j == b.terms.size()) {
        order = -1;
      } else {
        order = compare(a.terms.get(i).factors, b.terms.get(j).factors);
      }
      long left = order <= 0 ? a.terms.get(i).coefficient : 0;
      long right = order >= 0 ? Math.multiplyExact(b.terms.get(j).coefficient, sign) : 0;
      List<Atom> factors = order <= 0 ? a.terms.get(i).factors : b.terms.get(j).factors;
      addTerm(result, Math.addExact(left, right), factors);
      i += order <= 0 ? 1 : 0;
      j += order >= 0 ? 1 : 0;
    }
    return make(Math.addExact(a.constant, Math.multiplyExact(b.constant, sign)), result);
  }

  private static Dim make(long constant, List<Term> terms) {
    if (terms.isEmpty()) {
      return of(constant);
    }
    if (terms.size() > MOST_TERMS) {
      throw new ArithmeticException("a size has more than " + MOST_TERMS + " terms");
    }
    return new Dim(constant, List.copyOf(terms));
  }

  private static void addTerm(List<Term> target, long coefficient, List<Atom> factors) {
    if (coefficient != 0) {
      target.add(new Term(coefficient, factors));
    }
  }

  /** The term {@code a / b} as a size, or 0 if it is not whole. */
  private static Dim quotientOf(Term a, Term b) {
    if (a.coefficient % b.coefficient != 0) {
      return ZERO;
    }
    List<Atom> left = new ArrayList<>(a.factors);
    for (Atom factor : b.factors) {
      int at = indexOf(left, factor);
      if (at < 0) {
        return ZERO;
      }
      left.remove(at);
    }
    long coefficient = a.coefficient / b.coefficient;
    return left.isEmpty()
        ? of(coefficient)
        : new Dim(0, List.of(new Term(coefficient, List.copyOf(left))));
  }

  private static int indexOf(List<Atom> atoms, Atom atom) {
    for (int i = 0; i < atoms.size(); i++) {
      if (atoms.get(i).text().equals(atom.text())) {
        return i;
      }
    }
    return -1;
  }

  private static List<Atom> product(List<Atom> a, List<Atom> b) {
    List<Atom> result = new ArrayList<>(a.size() + b.size());
    int i = 0;
    int j = 0;
    while (i < a.size() || j < b.size()) {
      boolean left =
          j == b.size() || (i < a.size() && a.get(i).text().compareTo(b.get(j).text()) <= 0);
      result.add(left ? a.get(i++) : b.get(j++));
    }
    return List.copyOf(result);
  }

  /** Graded lexicographic order, the greater one first: negative if a comes before b. */
  private static int compare(List<Atom> a, List<Atom> b) {
    if (a.size() != b.size()) {
      return b.size() - a.size();
    }
    for (int i = 0; i < a.size(); i++) {
      int order = a.get(i).text().compareTo(b.get(i).text());
      if (order != 0) {
        return order;
      }
    }
    return 0;
  }
}
