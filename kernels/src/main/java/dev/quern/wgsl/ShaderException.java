package dev.quern.wgsl;

/** The builder was asked for a shader that is not valid WGSL: always a mistake of ours. */
public final class ShaderException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public ShaderException(String message) {
    super(message);
  }
}
