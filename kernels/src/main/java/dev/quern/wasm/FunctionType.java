package dev.quern.wasm;

import java.util.List;

/** Parameter and result types of a function. */
public record FunctionType(List<ValueType> parameters, List<ValueType> results) {
  public FunctionType {
    parameters = List.copyOf(parameters);
    results = List.copyOf(results);
  }

  /** Reads a signature such as {@code "iii:i"}; the letters are those of {@link Opcode}. */
  public static FunctionType of(String signature) {
    int colon = signature.indexOf(':');
    return new FunctionType(
        ValueType.list(signature.substring(0, colon)),
        ValueType.list(signature.substring(colon + 1)));
  }
}
