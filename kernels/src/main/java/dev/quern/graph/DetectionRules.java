package dev.quern.graph;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Samples of images at places that are computed. */
final class DetectionRules {
  private DetectionRules() {}

  /** An image {@code [n, c, h, w]} at the places of a grid {@code [n, oh, ow, 2]}. */
  static void gridSample(Site s) {
    Shape image = s.shape(0);
    Shape grid = s.shape(1);
    if (image.rank() != 4 || grid.rank() != 4 || !grid.dim(3).is(2)) {
      throw Site.unsupported(
          "its image is " + image + ", its grid " + grid, "two spatial axes are supported");
    }
    s.same(image.dim(0), grid.dim(0), "the batches of image and grid");
    String mode =
        switch (s.text("mode", s.opset() < 20 ? "bilinear" : "linear")) {
          case "bilinear", "linear" -> "linear";
          case "bicubic", "cubic" -> "cubic";
          case "nearest" -> "nearest";
          default -> throw Site.unsupported("its mode is '" + s.text("mode", "") + "'", "");
        };
    String padding = s.text("padding_mode", "zeros");
    if (!List.of("zeros", "border", "reflection").contains(padding)) {
      throw Site.unsupported("its padding is '" + padding + "'", "");
    }
    Map<String, Attribute> attributes =
        GraphImporter.attributes(
            "mode", new Attribute.Text(mode),
            "padding", new Attribute.Text(padding),
            "align", new Attribute.Int(s.integer("align_corners", 0)));
    Compose c = new Compose(s);
    if (GridSampling.fits(s)) {
      boolean align = s.integer("align_corners", 0) != 0;
      c.output(0, new GridSampling(mode, padding, align).write(c));
      return;
    }
    Shape result = new Shape(List.of(image.dim(0), image.dim(1), grid.dim(1), grid.dim(2)));
    c.output(0, c.host("GridSample", attributes, s.type(0), result));
  }

  /** Parts {@code [rois, 4]} of images as tiles of one size. */
  static void roiAlign(Site s) {
    Shape image = s.shape(0);
    Shape rois = s.shape(1);
    if (image.rank() != 4 || rois.rank() != 2) {
      throw Site.unsupported("its image is " + image + ", its regions " + rois, "");
    }
    String mode = s.text("mode", "avg");
    if (!mode.equals("avg") && !mode.equals("max")) {
      throw Site.unsupported("its mode is '" + mode + "'", "");
    }
    boolean half =
        s.opset() >= 16
            && s.text("coordinate_transformation_mode", "half_pixel").equals("half_pixel");
    Map<String, Attribute> attributes =
        GraphImporter.attributes(
            "max", new Attribute.Int(mode.equals("max") ? 1 : 0),
            "half", new Attribute.Int(half ? 1 : 0),
            "sampling_ratio", new Attribute.Int(s.integer("sampling_ratio", 0)),
            "spatial_scale", new Attribute.Real((float) s.real("spatial_scale", 1)));
    List<Dim> dims = new ArrayList<>(List.of(rois.dim(0), image.dim(1)));
    dims.add(Dim.of(s.integer("output_height", 1)));
    dims.add(Dim.of(s.integer("output_width", 1)));
    Compose c = new Compose(s);
    c.output(0, c.host("RoiAlign", attributes, s.type(0), new Shape(dims)));
  }
}
