package dev.quern.server.models;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import tools.jackson.databind.JsonNode;

/**
 * A node of a TF.js graph model. It has one output, which goes by the node's name.
 *
 * @param inputs names of nodes and of weights
 * @param attributes a TensorFlow {@code AttrValue} each: whole numbers are strings, strings are in
 *     base64
 */
public record TfjsNode(String name, String op, List<String> inputs, JsonNode attributes) {

  /** A list of whole numbers, such as {@code strides} in the order of NHWC. */
  public List<Integer> ints(String attribute) {
    List<Integer> values = new ArrayList<>();
    for (JsonNode item : attributes.path(attribute).path("list").path("i")) {
      values.add(Integer.parseInt(item.asString()));
    }
    return values;
  }

  /** A string, such as {@code padding}; empty where the attribute is absent. */
  public String string(String attribute) {
    return decode(attributes.path(attribute).path("s"));
  }

  /** What follows the main operation inside the node, in order: BiasAdd, Relu6. */
  public List<String> fusedOps() {
    List<String> values = new ArrayList<>();
    for (JsonNode item : attributes.path("fused_ops").path("list").path("s")) {
      values.add(decode(item));
    }
    return values;
  }

  private static String decode(JsonNode node) {
    return new String(Base64.getDecoder().decode(node.asString("")), StandardCharsets.UTF_8);
  }
}
