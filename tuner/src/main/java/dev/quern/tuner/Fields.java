package dev.quern.tuner;

import java.util.List;
import java.util.Map;

/** A JSON object whose fields are asked for by type; errors name the field. */
final class Fields {
  private final String what;
  private final Map<?, ?> map;

  /**
   * @param what what the object is, for messages
   */
  Fields(String what, Object value) {
    this.what = what;
    if (!(value instanceof Map<?, ?> found)) {
      throw new RecordException(what + " is no JSON object");
    }
    this.map = found;
  }

  /** Refuses fields that are not listed: a misspelt name must not be lost silently. */
  Fields only(List<String> names) {
    for (Object key : map.keySet()) {
      String name = (String) key;
      if (!names.contains(name)) {
        throw new RecordException(what + " has the unknown field '" + name + "'");
      }
    }
    return this;
  }

  String text(String name, int longest) {
    if (!(map.get(name) instanceof String value)) {
      throw new RecordException(what + " needs the text '" + name + "'");
    }
    if (value.isEmpty() || value.length() > longest) {
      throw new RecordException(
          what + " has a '" + name + "' of " + value.length() + " characters, not 1 to " + longest);
    }
    for (int i = 0; i < value.length(); i++) {
      if (value.charAt(i) < ' ') {
        throw new RecordException(what + " has a control character in '" + name + "'");
      }
    }
    return value;
  }

  boolean flag(String name) {
    if (!(map.get(name) instanceof Boolean value)) {
      throw new RecordException(what + " needs true or false as '" + name + "'");
    }
    return value;
  }

  double number(String name, double least, double most) {
    if (!(map.get(name) instanceof Double value)) {
      throw new RecordException(what + " needs the number '" + name + "'");
    }
    if (!(value >= least && value <= most)) {
      throw new RecordException(
          what
              + " has '"
              + name
              + "' = "
              + Json.number(value)
              + ", outside "
              + Json.number(least)
              + " to "
              + Json.number(most));
    }
    return value;
  }

  int integer(String name, int least, int most) {
    double value = number(name, least, most);
    if (value != (int) value) {
      throw new RecordException(what + " needs a whole number as '" + name + "'");
    }
    return (int) value;
  }

  List<?> list(String name) {
    if (!(map.get(name) instanceof List<?> value)) {
      throw new RecordException(what + " needs the list '" + name + "'");
    }
    return value;
  }
}
