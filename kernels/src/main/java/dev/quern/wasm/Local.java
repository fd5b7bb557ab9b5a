package dev.quern.wasm;

/**
 * A parameter or local variable of one function.
 *
 * @param index its number in the binary
 * @param type its type
 * @param name its name in the text form
 */
public record Local(int index, ValueType type, String name) {}
