package dev.quern.bridge;

import dev.quern.tuner.Json;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A JSON object that the worker's JavaScript sent; a field of another type is its error. */
record Request(Map<?, ?> fields) {
  static Request of(String json) {
    return of(Json.read(json));
  }

  static Request of(Object value) {
    if (value instanceof Map<?, ?> map) {
      return new Request(map);
    }
    throw new EngineException("engine", "the worker sent no object");
  }

  String text(String name) {
    if (fields.get(name) instanceof String text) {
      return text;
    }
    throw missing(name, "text");
  }

  boolean flag(String name) {
    return fields.get(name) instanceof Boolean flag && flag;
  }

  /** A whole number. */
  long integer(String name) {
    if (fields.get(name) instanceof Double number) {
      return number.longValue();
    }
    throw missing(name, "a number");
  }

  double number(String name) {
    if (fields.get(name) instanceof Double number) {
      return number;
    }
    throw missing(name, "a number");
  }

  Request object(String name) {
    return of(fields.get(name));
  }

  /** A field as it is; null if there is none. */
  Object value(String name) {
    return fields.get(name);
  }

  List<?> list(String name) {
    if (fields.get(name) instanceof List<?> list) {
      return list;
    }
    throw missing(name, "a list");
  }

  /** Texts by name; empty where there is no such field. */
  Map<String, String> texts(String name) {
    Map<String, String> texts = new LinkedHashMap<>();
    if (fields.get(name) instanceof Map<?, ?> map) {
      map.forEach((key, value) -> {
        if (!(key instanceof String text) || !(value instanceof String other)) {
          throw missing(name, "texts");
        }
        texts.put(text, other);
      });
    }
    return texts;
  }

  /** A list of whole numbers; empty where there is none. */
  List<Long> integers(String name) {
    List<Long> numbers = new ArrayList<>();
    if (fields.get(name) instanceof List<?> list) {
      for (Object value : list) {
        if (!(value instanceof Double number)) {
          throw missing(name, "whole numbers");
        }
        numbers.add(number.longValue());
      }
    }
    return numbers;
  }

  List<Request> objects(String name) {
    List<Request> objects = new ArrayList<>();
    for (Object value : list(name)) {
      objects.add(of(value));
    }
    return objects;
  }

  private static EngineException missing(String name, String wanted) {
    return new EngineException("engine", "the worker's message lacks " + name + ", " + wanted);
  }
}
