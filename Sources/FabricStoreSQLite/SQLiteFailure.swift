import FabricStore
import GRDB
import Glibc

/// Tells an operator what SQLite's errors mean for the fabric file.
enum SQLiteFailure {
  /// The port's error for one of GRDB's or of ours.
  static func error(
    _ error: any Error,
    path: String,
    outcome: FabricStoreError.Outcome = .notApplied
  ) -> FabricStoreError {
    if let error = error as? FabricStoreError { return error }
    if let error = error as? FileFailure { return fileError(error, outcome: outcome) }
    guard let error = error as? DatabaseError else {
      return FabricStoreError(.unavailable, "\(path): \(error)", outcome: outcome)
    }
    let detail = error.message ?? "SQLite error \(error.extendedResultCode.rawValue)"
    switch error.resultCode {
    case .SQLITE_FULL:
      return FabricStoreError(
        .noSpace,
        "\(path): no room is left on the disk (\(detail)); make room, the store then recovers by itself",
        outcome: outcome
      )
    case .SQLITE_READONLY, .SQLITE_PERM, .SQLITE_AUTH:
      return FabricStoreError(
        .readOnly,
        "\(path): the file may not be written (\(detail)); check owner, mode and mount",
        outcome: outcome
      )
    case .SQLITE_CORRUPT, .SQLITE_NOTADB, .SQLITE_FORMAT:
      return corrupt(path: path, detail: detail, outcome: outcome)
    case .SQLITE_CANTOPEN:
      return FabricStoreError(
        .unavailable,
        "\(path): the file cannot be opened (\(detail)); check that its directory exists and may be written",
        outcome: outcome
      )
    case .SQLITE_BUSY, .SQLITE_LOCKED:
      return FabricStoreError(
        .unavailable,
        "\(path): another program keeps the file locked",
        outcome: outcome
      )
    case .SQLITE_IOERR:
      return FabricStoreError(
        .unavailable,
        "\(path): the disk failed (\(detail)); the store opens the file again and checks it before it writes",
        outcome: outcome
      )
    default:
      return FabricStoreError(.unavailable, "\(path): \(detail)", outcome: outcome)
    }
  }

  /// The error of a file whose content cannot be trusted.
  static func corrupt(
    path: String,
    detail: String,
    outcome: FabricStoreError.Outcome = .notApplied
  ) -> FabricStoreError {
    FabricStoreError(
      .corrupt,
      "\(path): the fabric file is damaged (\(detail)); stop the pool, look with `quorate fabric check`, "
        + "then bring back a backup with `quorate fabric restore`",
      outcome: outcome
    )
  }

  private static func fileError(
    _ error: FileFailure,
    outcome: FabricStoreError.Outcome
  ) -> FabricStoreError {
    switch error.number {
    case EROFS, EACCES, EPERM:
      FabricStoreError(
        .readOnly,
        "\(error.path): may not be written (\(error.reason)); check owner, mode and mount",
        outcome: outcome
      )
    case ENOSPC, EDQUOT:
      FabricStoreError(.noSpace, "\(error.path): no room is left on the disk", outcome: outcome)
    case ENOENT:
      FabricStoreError(
        .unavailable,
        "\(error.path): no such file or directory; make the directory first",
        outcome: outcome
      )
    default:
      FabricStoreError(.unavailable, "\(error.path): \(error.reason)", outcome: outcome)
    }
  }
}
