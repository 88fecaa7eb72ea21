import FabricStore
import Foundation

/// An answer of etcd's that says which cluster it is of.
protocol EtcdAnswer: Decodable {
  /// Cluster, member and revision.
  var header: EtcdMessage.Header? { get }
  /// Whether its revision is one that every member has to agree on, not only what the answering one has seen.
  var isOfTheCluster: Bool { get }
}

extension EtcdAnswer {
  var isOfTheCluster: Bool { false }
}

/// The JSON of etcd's v3 gateway, as far as it is used here. It writes 64-bit numbers as text, bytes as base64, and
/// leaves default values out.
enum EtcdMessage {
  /// A 64-bit number that is written as text; member ids exceed 2^53.
  struct Number: Codable, Hashable {
    var value: UInt64

    init(_ value: UInt64) { self.value = value }

    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      if let text = try? container.decode(String.self) {
        guard let value = UInt64(text) else {
          throw DecodingError.dataCorruptedError(
            in: container,
            debugDescription: "not a number: \(text.prefix(40))"
          )
        }
        self.value = value
      } else {
        value = try container.decode(UInt64.self)
      }
    }

    func encode(to encoder: any Encoder) throws {
      var container = encoder.singleValueContainer()
      try container.encode(String(value))
    }
  }

  struct Header: Codable {
    var cluster_id: Number?
    var member_id: Number?
    var revision: Number?
  }

  struct KeyValue: Codable {
    var key: Data
    var value: Data?
    var create_revision: Number?
    var mod_revision: Number?
    var lease: Number?
  }

  struct RangeRequest: Codable {
    var key: Data
    var range_end: Data?
    var limit: Number?
    var revision: Number?
    var keys_only: Bool?
  }

  struct RangeResponse: Codable, EtcdAnswer {
    var isOfTheCluster: Bool { true }
    var header: Header?
    var kvs: [KeyValue]?
    var more: Bool?
  }

  struct PutRequest: Codable {
    var key: Data
    var value: Data
    var lease: Number?
  }

  struct DeleteRequest: Codable {
    var key: Data
    var range_end: Data?
  }

  struct Compare: Codable {
    var result = "EQUAL"
    var target: String
    var key: Data
    var mod_revision: Number?
    var create_revision: Number?
    var value: Data?
  }

  struct RequestOperation: Codable {
    var request_range: RangeRequest?
    var request_put: PutRequest?
    var request_delete_range: DeleteRequest?
    var request_txn: Transaction?
  }

  final class Transaction: Codable {
    let compare: [Compare]
    let success: [RequestOperation]
    let failure: [RequestOperation]

    init(compare: [Compare], success: [RequestOperation], failure: [RequestOperation] = []) {
      self.compare = compare
      self.success = success
      self.failure = failure
    }
  }

  struct ResponseOperation: Codable {
    var response_range: RangeResponse?
    var response_txn: TransactionResponse?
  }

  final class TransactionResponse: Codable, EtcdAnswer {
    var isOfTheCluster: Bool { true }
    let header: Header?
    let succeeded: Bool?
    let responses: [ResponseOperation]?
  }

  /// The answer to a transaction without nested ones.
  struct FlatResponse: Decodable, EtcdAnswer {
    var isOfTheCluster: Bool { true }
    var header: Header?
    var succeeded: Bool?
    /// What was read back, when it did not succeed: the answers to its writes say nothing.
    var responses: [ResponseOperation]?

    private enum CodingKeys: String, CodingKey { case header, succeeded, responses }

    init(from decoder: any Decoder) throws {
      let container = try decoder.container(keyedBy: CodingKeys.self)
      header = try container.decodeIfPresent(Header.self, forKey: .header)
      succeeded = try container.decodeIfPresent(Bool.self, forKey: .succeeded)
      guard succeeded != true else { return }
      responses = try container.decodeIfPresent([ResponseOperation].self, forKey: .responses)
    }
  }

  struct LeaseRequest: Codable {
    var ID: Number?
    var TTL: Number?
  }

  struct LeaseResponse: Codable, EtcdAnswer {
    var header: Header?
    var ID: Number?
    var TTL: Number?
    var error: String?
  }

  /// Keep-alive goes through a stream, whose answers are wrapped.
  struct Streamed<Value: Codable>: Codable {
    var result: Value?
    var error: Failure?
  }

  /// The answer to a renewal.
  struct KeepAliveResponse: Codable, EtcdAnswer {
    var result: LeaseResponse?
    var header: Header? { result?.header }

    private enum CodingKeys: String, CodingKey { case result }
  }

  struct WatchRequest: Codable {
    struct Create: Codable {
      var key: Data
      var range_end: Data?
      var start_revision: Number
      var progress_notify = true
    }
    var create_request: Create
  }

  struct WatchResponse: Codable {
    struct Event: Codable {
      var type: String?
      var kv: KeyValue?
    }
    var header: Header?
    var created: Bool?
    var canceled: Bool?
    var compact_revision: Number?
    var cancel_reason: String?
    var events: [Event]?
  }

  struct CompactionRequest: Codable {
    var revision: Number
    /// Answers when the pages are free, not before.
    var physical: Bool?
  }

  /// An answer of which only the header counts.
  struct HeaderOnly: Codable, EtcdAnswer { var header: Header? }

  struct StatusResponse: Codable, EtcdAnswer {
    var header: Header?
    var version: String?
    var dbSize: Number?
    var dbSizeInUse: Number?
    var leader: Number?
    var errors: [String]?
  }

  struct MemberList: Codable, EtcdAnswer {
    struct Member: Codable {
      var ID: Number
      var name: String?
      var peerURLs: [String]?
      var clientURLs: [String]?
    }
    var header: Header?
    var members: [Member]?
  }

  struct AlarmRequest: Codable {
    var action = "GET"
    var memberID: Number?
    var alarm: String?
  }

  struct AlarmResponse: Codable, EtcdAnswer {
    struct Alarm: Codable {
      var memberID: Number?
      var alarm: String?
    }
    var header: Header?
    var alarms: [Alarm]?
  }

  struct AuthenticateRequest: Codable {
    var name: String
    var password: String
  }

  struct AuthenticateResponse: Codable {
    var header: Header?
    var token: String?
  }

  struct Failure: Codable {
    var error: String?
    var message: String?
    var code: Int?

    var text: String { message ?? error ?? "no reason given" }
  }

  struct Nothing: Codable {}
}
