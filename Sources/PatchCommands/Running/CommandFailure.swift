import FabricStore
import PatchEngine
import PatchRun
import PoolDriving
import PoolFile
import ServerControl

/// How a command ends badly: one message for people and the exit code (docs/operating/exit-codes.md). Every error of every
/// module becomes one here, and nowhere else.
struct CommandFailure: Error, Hashable, CustomStringConvertible {
  var code: PatchRun.ExitCode
  var message: String

  init(_ code: PatchRun.ExitCode, _ message: String) {
    self.code = code
    self.message = message
  }

  var description: String { message }

  /// Whatever was thrown, as a failure.
  init(_ error: any Error) {
    switch error {
    case let failure as CommandFailure: self = failure
    case let error as PoolFileError: self.init(error)
    case let error as PatchEngineError: self.init(error.exitCode, error.message)
    case let error as PoolDriverError: self.init(error)
    case let error as FabricStoreError: self.init(error)
    case let error as ServerControlError:
      self.init(error.code == .alreadyKept ? .refused : .notGood, error.message)
    case let error as CmdletError: self.init(.usage, error.description)
    case is CancellationError: self.init(.stopped, "cancelled")
    default: self.init(.notGood, "\(error)")
    }
  }

  private init(_ error: PoolFileError) {
    // A pool that is not there is a mistake of the command line; a file that is wrong is a bad file.
    self.init(error.code == .notFound || error.code == .exists ? .usage : .badFile, error.description)
  }

  private init(_ error: PoolDriverError) {
    let code: PatchRun.ExitCode =
      switch error.code {
      case .unreachable, .timedOut: .unreachable
      case .unknownServer, .unsupported: .usage
      case .refused: .refused
      case .epochChanged, .fenced: .stopped
      case .failed: .notGood
      }
    self.init(code, error.message)
  }

  private init(_ error: FabricStoreError) {
    switch error.code {
    case .corrupt, .newerFormat, .invalidRequest: self.init(.badFile, "the fabric: \(error.message)")
    case .unavailable, .compacted, .leaseNotFound, .noSpace, .readOnly, .unsuitable, .permissionDenied:
      self.init(.unreachable, "the fabric: \(error.message)")
    }
  }
}
