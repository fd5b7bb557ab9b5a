package dev.quern.bridge;

import dev.quern.graph.Dim;
import dev.quern.graph.Value;
import dev.quern.onnx.ModelException;
import dev.quern.onnx.Problem;
import dev.quern.plan.PlanException;
import dev.quern.runtime.MachineException;
import dev.quern.tuner.Json;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

/** The JSON that the engine answers with. */
final class Reply {
  private Reply() {}

  /** What a request gives, or {@code {"error": {code, message, problems}}}. */
  static String to(Supplier<Map<String, Object>> request) {
    Object answer;
    try {
      answer = request.get();
    } catch (EngineException e) {
      answer = error(e.code(), e.getMessage());
    } catch (ModelException e) {
      Map<String, Object> error = error("model", e.getMessage());
      List<Object> problems = new ArrayList<>();
      for (Problem problem : e.problems()) {
        problems.add(problem.toString());
      }
      inner(error).put("problems", problems);
      answer = error;
    } catch (PlanException e) {
      Map<String, Object> error = error("model", "The model cannot be used: " + e.getMessage());
      inner(error).put("problems", new ArrayList<Object>(e.problems()));
      answer = error;
    } catch (MachineException e) {
      answer = error(BrowserMemory.takeRefusal() ? "memory" : "engine", e.getMessage());
    } catch (RuntimeException | Error e) {
      answer = error("engine", "The engine failed: " + e);
    }
    return Json.write(answer);
  }

  private static Map<String, Object> error(String code, String message) {
    return object("error", object("code", code, "message", sentence(message)));
  }

  /** Exceptions of the JVM begin small and end without a full stop; people read sentences. */
  private static String sentence(String message) {
    if (message == null || message.isEmpty()) {
      return "The engine failed without saying why.";
    }
    String text = Character.toUpperCase(message.charAt(0)) + message.substring(1);
    return ".)".indexOf(text.charAt(text.length() - 1)) >= 0 ? text : text + ".";
  }

  @SuppressWarnings("unchecked")
  private static Map<String, Object> inner(Map<String, Object> error) {
    return (Map<String, Object>) error.get("error");
  }

  /** A JSON object of names and values in turn. */
  static Map<String, Object> object(Object... namesAndValues) {
    Map<String, Object> object = new LinkedHashMap<>();
    for (int i = 0; i < namesAndValues.length; i += 2) {
      object.put((String) namesAndValues[i], namesAndValues[i + 1]);
    }
    return object;
  }

  /** The names, types and shapes of values; a size that a run decides is a string. */
  static List<Object> values(List<Value> values) {
    List<Object> list = new ArrayList<>();
    for (Value value : values) {
      List<Object> dims = new ArrayList<>();
      for (Dim dim : value.shape().dims()) {
        dims.add(dim.isConstant() ? (Object) (double) dim.constant() : dim.toString());
      }
      list.add(object("name", value.name(), "type", value.type().label(), "dims", dims));
    }
    return list;
  }

  /** The sizes of a tensor. */
  static List<Object> dims(long[] dims) {
    List<Object> list = new ArrayList<>();
    for (long dim : dims) {
      list.add((double) dim);
    }
    return list;
  }
}
