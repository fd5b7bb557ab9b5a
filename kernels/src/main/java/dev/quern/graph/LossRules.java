package dev.quern.graph;

import dev.quern.onnx.OnnxAttribute;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Losses of class scores {@code [n, classes, …]} against classes {@code [n, …]}. */
final class LossRules {
  private LossRules() {}

  static void negativeLogLikelihood(Site s) {
    Compose c = new Compose(s);
    c.output(0, loss(s, c, c.input(0)));
  }

  private static Value loss(Site s, Compose c, Value scores) {
    Shape shape = scores.shape();
    if (shape.rank() < 2 || s.shape(1).rank() != shape.rank() - 1) {
      throw Site.unsupported("its classes " + s.shape(1) + " do not fit " + shape, "");
    }
    s.same(shape.dim(0), s.shape(1).dim(0), "the batches of scores and classes");
    for (int i = 2; i < shape.rank(); i++) {
      s.same(shape.dim(i), s.shape(1).dim(i - 1), "the sizes of scores and classes");
    }
    String reduction = s.text("reduction", "mean");
    if (!List.of("none", "sum", "mean").contains(reduction)) {
      throw Site.unsupported("its reduction is '" + reduction + "'", "");
    }
    List<Value> operands = new ArrayList<>(List.of(scores, c.input(1)));
    if (s.has(2)) {
      s.same(s.shape(2).size(), shape.dim(1), "the weights and classes");
      operands.add(c.input(2));
    }
    Map<String, Attribute> attributes =
        GraphImporter.attributes("reduction", new Attribute.Text(reduction));
    if (s.attribute("ignore_index").orElse(null) instanceof OnnxAttribute.Int ignored) {
      attributes.put("ignore_index", new Attribute.Int(ignored.value()));
    }
    Shape result = reduction.equals("none") ? s.shape(1) : Shape.SCALAR;
    return c.host("NegativeLogLikelihoodLoss", operands, attributes, scores.type(), result);
  }

  static void softmaxCrossEntropy(Site s) {
    Shape shape = s.shape(0);
    if (shape.rank() < 2) {
      throw Site.unsupported("its scores " + shape + " have no classes", "");
    }
    Compose c = new Compose(s);
    Value flat = c.reshape(c.input(0), shape.dim(0), shape.dim(1), shape.product(2, shape.rank()));
    Value rows = c.softmax("LogSoftmax", c.transpose(flat, 0, 2, 1));
    Value logarithms = c.reshape(c.transpose(rows, 0, 2, 1), shape);
    c.output(0, loss(s, c, logarithms));
    c.output(1, logarithms);
  }
}
