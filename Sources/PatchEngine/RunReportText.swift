public import PatchRun

/// A report as text for a terminal or a mail.
public enum RunReportText {
  /// Renders `report`.
  public static func render(_ report: RunReport) -> String {
    "run \(report.run) \(report.outcome.word)\n"
  }
}
