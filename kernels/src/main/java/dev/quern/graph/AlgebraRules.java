package dev.quern.graph;

import static dev.quern.graph.ElementwiseOp.ADD;
import static dev.quern.graph.ElementwiseOp.MUL;
import static dev.quern.graph.ElementwiseOp.SUB;

import dev.quern.onnx.DataType;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Determinants, sums of products by a formula, counts of n-grams. */
final class AlgebraRules {
  private AlgebraRules() {}

  static void det(Site s) {
    Shape shape = s.shape(0);
    if (shape.rank() < 2) {
      throw Site.unsupported("its input " + shape + " is no matrix", "");
    }
    s.same(shape.dim(-1), shape.dim(-2), "the sizes of the matrix");
    Compose c = new Compose(s);
    Shape result = new Shape(shape.dims().subList(0, shape.rank() - 2));
    Dim size = shape.dim(-1);
    boolean small = size.isConstant() && size.constant() >= 1 && size.constant() <= 3;
    if (small && s.type(0) == DataType.FLOAT) {
      int n = (int) size.constant();
      Value flat = c.reshape(c.input(0), result.size(), Dim.of((long) n * n));
      c.output(0, c.reshape(minor(c, flat, n, 0, n == 3 ? 7 : n == 2 ? 3 : 1), result));
    } else {
      c.output(0, c.host("Det", Map.of(), s.type(0), result));
    }
  }

  /** The determinant of the rows from one on and of the columns that are bits of a set. */
  private static Value minor(Compose c, Value flat, int n, int row, int columns) {
    Value sum = null;
    boolean subtracts = false;
    for (int column = 0; column < n; column++) {
      if ((columns >> column & 1) == 0) {
        continue;
      }
      Value element = c.slice(flat, 1, Dim.of((long) row * n + column), Dim.ONE);
      int rest = columns & ~(1 << column);
      Value part = rest == 0 ? element : c.apply(MUL, element, minor(c, flat, n, row + 1, rest));
      sum = sum == null ? part : c.apply(subtracts ? SUB : ADD, sum, part);
      subtracts = !subtracts;
    }
    return sum;
  }

  /**
   * A formula such as {@code bij,bjk->bik}. The ellipsis becomes letters of its own, so that the
   * kernel knows letters only.
   */
  static void einsum(Site s) {
    String equation = s.text("equation", "").replace(" ", "");
    int arrow = equation.indexOf("->");
    String left = arrow < 0 ? equation : equation.substring(0, arrow);
    List<String> terms = new ArrayList<>();
    for (int from = 0; from <= left.length(); ) {
      int comma = left.indexOf(',', from);
      int to = comma < 0 ? left.length() : comma;
      terms.add(left.substring(from, to));
      from = to + 1;
    }
    if (terms.size() != s.inputs()) {
      throw Site.unsupported("its equation " + equation + " has not one term an input", "");
    }
    int wide = 0;
    for (int i = 0; i < terms.size(); i++) {
      int dots = terms.get(i).indexOf("...");
      wide = dots < 0 ? wide : Math.max(wide, s.shape(i).rank() - terms.get(i).length() + 3);
    }
    Map<Character, Dim> sizes = new LinkedHashMap<>();
    for (int i = 0; i < terms.size(); i++) {
      int own = Math.max(0, s.shape(i).rank() - terms.get(i).length() + 3);
      terms.set(i, terms.get(i).replace("...", letters(wide - own, wide)));
      sizes(s, i, terms.get(i), sizes);
    }
    String right =
        arrow < 0
            ? implicit(terms, wide)
            : equation.substring(arrow + 2).replace("...", letters(0, wide));
    List<Dim> dims = new ArrayList<>();
    for (int i = 0; i < right.length(); i++) {
      char letter = right.charAt(i);
      Dim size = sizes.get(letter);
      if (size == null) {
        throw Site.unsupported("its equation " + equation + " does not define " + letter, "");
      }
      dims.add(size);
    }
    Compose c = new Compose(s);
    Value products = s.type(0) == DataType.FLOAT ? EinsumProducts.write(c, terms, right) : null;
    if (products != null) {
      c.output(0, products);
      return;
    }
    Map<String, Attribute> attributes =
        Map.of("equation", new Attribute.Text(String.join(",", terms) + "->" + right));
    c.output(0, c.host("Einsum", attributes, s.type(0), new Shape(dims)));
  }

  /** The letters that stand for axes of an ellipsis. */
  private static String letters(int from, int to) {
    StringBuilder out = new StringBuilder();
    for (int i = from; i < to; i++) {
      out.append((char) ('0' + i));
    }
    return out.toString();
  }

  private static void sizes(Site s, int input, String term, Map<Character, Dim> sizes) {
    Shape shape = s.shape(input);
    if (s.type(input) != s.type(0) || term.length() != shape.rank()) {
      throw Site.unsupported("its term " + term + " does not fit " + shape, "");
    }
    for (int i = 0; i < term.length(); i++) {
      char letter = term.charAt(i);
      Dim known = sizes.get(letter);
      if (known == null || known.is(1)) {
        sizes.put(letter, shape.dim(i));
      } else if (!shape.dim(i).is(1)) {
        s.same(known, shape.dim(i), "the sizes of " + letter);
      }
    }
  }

  /** Without an arrow: the ellipsis, then the letters that occur once, sorted. */
  private static String implicit(List<String> terms, int wide) {
    String all = String.join("", terms);
    List<Character> once = new ArrayList<>();
    for (int i = 0; i < all.length(); i++) {
      char letter = all.charAt(i);
      if (letter > '9' && all.indexOf(letter) == all.lastIndexOf(letter)) {
        once.add(letter);
      }
    }
    once.sort(null);
    StringBuilder out = new StringBuilder(letters(0, wide));
    for (char letter : once) {
      out.append(letter);
    }
    return out.toString();
  }

  /** Counts of n-grams of whole numbers {@code [n]} or {@code [batch, n]}. */
  static void tfIdf(Site s) {
    Shape shape = s.shape(0);
    List<Long> indexes = s.ints("ngram_indexes").orElse(List.of());
    List<Long> pool =
        s.ints("pool_int64s")
            .orElseThrow(() -> Site.unsupported("it counts strings", "use whole numbers"));
    if (shape.rank() < 1 || shape.rank() > 2 || indexes.isEmpty()) {
      throw Site.unsupported("its input is " + shape, "");
    }
    long width = 0;
    for (long index : indexes) {
      width = Math.max(width, index + 1);
    }
    Map<String, Attribute> attributes =
        GraphImporter.attributes(
            "least", new Attribute.Int(s.integer("min_gram_length", 1)),
            "most", new Attribute.Int(s.integer("max_gram_length", 1)),
            "skips", new Attribute.Int(s.integer("max_skip_count", 0)),
            "mode", new Attribute.Text(s.text("mode", "TF")),
            "counts", new Attribute.Ints(s.ints("ngram_counts").orElse(List.of())),
            "indexes", new Attribute.Ints(indexes),
            "pool", new Attribute.Ints(pool));
    attributes.put("weights", new Attribute.Reals(s.reals("weights").orElse(List.of())));
    List<Dim> dims = new ArrayList<>(shape.dims());
    dims.set(shape.rank() - 1, Dim.of(width));
    Compose c = new Compose(s);
    c.output(0, c.host("TfIdfVectorizer", attributes, DataType.FLOAT, new Shape(dims)));
  }
}
