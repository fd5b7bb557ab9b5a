package dev.quern.server.records;

import dev.quern.server.http.ProblemException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Consumer;
import java.util.regex.Pattern;
import tools.jackson.databind.JsonNode;

/**
 * What a JSON value from outside must look like. Schemas are values, so that what is accepted can
 * be read in one table; whatever a schema does not name is refused.
 */
public sealed interface Schema {

  /** A text of a form; {@code extra} may refuse it by throwing {@link IllegalArgumentException}. */
  record Text(Pattern pattern, int longest, Consumer<String> extra) implements Schema {
    /** Whether a text has the form. */
    public boolean matches(String text) {
      return text.length() <= longest && pattern.matcher(text).matches();
    }
  }

  /** A whole number from {@code least} to {@code most}. */
  record Whole(long least, long most) implements Schema {}

  /** A finite number from {@code least} to {@code most}. */
  record Real(double least, double most) implements Schema {}

  /** True or false. */
  record Flag() implements Schema {}

  /** From one to {@code most} values. */
  record Items(Schema item, int most) implements Schema {}

  /** An object; each name is required unless it is in {@code optional}. */
  record Fields(Map<String, Schema> fields, Set<String> optional) implements Schema {
    /** With one more field, after the others. */
    public Fields with(String name, Schema schema) {
      Map<String, Schema> more = new LinkedHashMap<>(fields);
      more.put(name, schema);
      return new Fields(more, optional);
    }

    /** With one more field, which may be left out. */
    public Fields withOptional(String name, Schema schema) {
      Set<String> names = new TreeSet<>(optional);
      names.add(name);
      return new Fields(with(name, schema).fields, names);
    }
  }

  /** An object whose text field {@code tag} says which other fields it has. */
  record Choice(String tag, Map<String, Fields> cases) implements Schema {}

  static Text text(String pattern, int longest) {
    return text(pattern, longest, value -> {});
  }

  static Text text(String pattern, int longest, Consumer<String> extra) {
    return new Text(Pattern.compile(pattern), longest, extra);
  }

  static Fields object() {
    return new Fields(new LinkedHashMap<>(), new TreeSet<>());
  }

  /**
   * Checks a value.
   *
   * @param path of the value, empty for the whole document
   * @throws ProblemException 400 that names the first field that is wrong
   */
  default void check(JsonNode node, String path) {
    switch (this) {
      case Text text -> checkText(text, node, path);
      case Whole whole -> {
        boolean fits =
            node.isIntegralNumber()
                && node.canConvertToLong()
                && node.longValue() >= whole.least
                && node.longValue() <= whole.most;
        require(fits, path, "a whole number from " + whole.least + " to " + whole.most);
      }
      case Real real -> {
        double value = node.isNumber() ? node.asDouble() : Double.NaN;
        boolean fits = value >= real.least && value <= real.most;
        require(fits, path, "a number from " + real.least + " to " + real.most);
      }
      case Flag flag -> require(node.isBoolean(), path, "true or false");
      case Items items -> {
        boolean fits = node.isArray() && !node.isEmpty() && node.size() <= items.most;
        require(fits, path, "a list of 1 to " + items.most + " values");
        for (int i = 0; i < node.size(); i++) {
          items.item.check(node.get(i), path + "[" + i + "]");
        }
      }
      case Fields fields -> checkFields(fields, node, path);
      case Choice choice -> {
        require(node.isObject(), path, "an object");
        JsonNode tag = node.get(choice.tag);
        Fields fields = tag != null && tag.isString() ? choice.cases.get(tag.stringValue()) : null;
        require(fields != null, join(path, choice.tag), "one of " + choice.cases.keySet());
        checkFields(fields.with(choice.tag, text(".*", 64)), node, path);
      }
    }
  }

  private static void checkText(Text text, JsonNode node, String path) {
    boolean fits = node.isString() && node.stringValue().length() <= text.longest;
    require(fits, path, "a text of at most " + text.longest + " characters");
    String value = node.stringValue();
    require(text.pattern.matcher(value).matches(), path, "of the form " + text.pattern);
    try {
      text.extra.accept(value);
    } catch (IllegalArgumentException e) {
      throw new ProblemException(400, path + " is refused: " + e.getMessage(), path);
    }
  }

  private static void checkFields(Fields fields, JsonNode node, String path) {
    require(node.isObject(), path, "an object");
    for (Map.Entry<String, JsonNode> entry : node.properties()) {
      if (!fields.fields.containsKey(entry.getKey())) {
        String name = join(path, printable(entry.getKey()));
        throw new ProblemException(
            400, name + " is unknown; known here are " + fields.fields.keySet(), name);
      }
    }
    for (Map.Entry<String, Schema> field : fields.fields.entrySet()) {
      JsonNode value = node.get(field.getKey());
      String name = join(path, field.getKey());
      if (value != null) {
        field.getValue().check(value, name);
      } else if (!fields.optional.contains(field.getKey())) {
        throw new ProblemException(400, name + " is missing", name);
      }
    }
  }

  private static void require(boolean fits, String path, String wanted) {
    if (!fits) {
      String name = path.isEmpty() ? "the body" : path;
      throw new ProblemException(400, name + " must be " + wanted, path.isEmpty() ? null : path);
    }
  }

  private static String join(String path, String name) {
    return path.isEmpty() ? name : path + "." + name;
  }

  /** A name from outside as it may be repeated in an answer. */
  private static String printable(String name) {
    String cut = name.length() > 40 ? name.substring(0, 40) : name;
    return cut.replaceAll("[^ -~]", "?");
  }
}
