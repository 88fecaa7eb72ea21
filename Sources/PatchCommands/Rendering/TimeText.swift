import PatchRun
import PoolModel

/// Times as programs and lines of progress write them. Those of reports are `PatchRun`'s.
enum TimeText {
  /// `2026-11-23T12:00:00Z`, RFC 3339, for JSON.
  static func stamp(_ time: PoolTime) -> String {
    time.text.split(separator: " ").joined(separator: "T")
  }

  /// `12:00:00`.
  static func clock(_ time: PoolTime) -> String { String(time.text.suffix(9).dropLast()) }
}
