public import FabricStore

/// What is wrong with a record of the fabric.
public struct FabricRecordError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The kind.
  public enum Code: String, Hashable, Sendable {
    /// A newer release wrote it, in a format that this one does not know.
    case newerFormat
    /// It is not a record of the kind that belongs at its key.
    case malformed
  }

  /// The kind.
  public var code: Code
  /// The key it stands at.
  public var key: String
  /// What is wrong, for people.
  public var problem: String

  /// An error.
  public init(_ code: Code, key: String, _ problem: String) {
    self.code = code
    self.key = key
    self.problem = problem
  }

  /// `key: problem`.
  public var description: String { "\(key): \(problem)" }

  /// The same as an error of the store.
  public var storeError: FabricStoreError {
    switch code {
    case .newerFormat: FabricStoreError(.newerFormat, description)
    case .malformed: FabricStoreError(.corrupt, description)
    }
  }
}
