// Every bound of the program, with its reason. Reaching one is an error (or the rule named here),
// never growth. Bounds an operator may want to move have their default here and their key in the
// configuration.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/time.h"

namespace headrace::base::limits {

// -- client requests
inline constexpr std::size_t kHeadBytes = 32 * 1024;       // request head; above: 431
inline constexpr std::size_t kHeadFields = 100;            // fields of a head; above: 431
inline constexpr std::size_t kTargetBytes = 8 * 1024;      // request target; above: 414
inline constexpr std::size_t kLeadingCrlfs = 8;            // empty lines before a request line
inline constexpr std::size_t kChunkExtensionBytes = 4096;  // of one body in all
inline constexpr std::size_t kTrailerFields = 100;         // read, never forwarded
inline constexpr std::size_t kTrailerBytes = 16 * 1024;
inline constexpr std::size_t kChunkSizeDigits = 16;          // hex digits of a chunk size
inline constexpr std::size_t kBodyBytesDefault = 32u << 20;  // request body; above: 413
inline constexpr std::size_t kPipelinedBytes = 64 * 1024;    // bytes held behind a running request
inline constexpr std::size_t kRefusedBodyBytes = 64 * 1024;  // read for who may not ask: then the
                                                             // connection goes on after the 401
inline constexpr Nanos kHeadTimeout = 10 * base::kSecond;    // from its first byte to its last
inline constexpr Nanos kBodyGrace = 5 * base::kSecond;  // after that the body must keep this rate:
inline constexpr std::size_t kBodyBytesPerSecond = 1000;
inline constexpr Nanos kWriteStallTimeout = 30 * base::kSecond;  // a reader without progress is cut
inline constexpr Nanos kKeepAliveTimeout = 600 * base::kSecond;  // idle client connection
inline constexpr Nanos kLingerTimeout = 2 * base::kSecond;       // reading on after a final reply
inline constexpr std::size_t kLingerBytes = 1u << 20;

// -- upstream answers
inline constexpr std::size_t kAnswerHeadBytes = 56 * 1024;  // above: 502; offsets have 16 bits
inline constexpr std::size_t kInterimAnswers = 8;      // 1xx heads before the real one; above: 502
inline constexpr std::size_t kHoldBytes = 256 * 1024;  // held before the commit point; full commits
inline constexpr std::size_t kEventBytes = 64 * 1024;  // a longer event flows in pieces
inline constexpr std::size_t kErrorAnswerBytes = 64 * 1024;  // read of a refusal; the rest is cut
inline constexpr std::size_t kTranslatedEventBytes = 1u << 20;   // it must be whole: images, tools
inline constexpr std::size_t kTranslatedAnswerBytes = 8u << 20;  // likewise a plain answer
inline constexpr std::size_t kAnswerTailBytes = 4096;  // of a long answer, to find its usage in

// -- HTTP/2, one connection (docs/design/0014-http2.md says where the numbers come from)
inline constexpr std::uint32_t kH2Streams = 100;     // that a client may have open; more: REFUSED
inline constexpr std::size_t kH2HeadBytes = 64'000;  // decoded, 32 a field added; above: 431
inline constexpr std::size_t kH2HeadBytesMost = 4 * kH2HeadBytes;  // then the connection ends
inline constexpr std::size_t kH2FieldsMost = 10 * kHeadFields;     // likewise
inline constexpr std::uint32_t kH2Continuations = 8;  // of one head; one more ends the connection
inline constexpr std::uint32_t kH2Settings = 32;      // entries of one SETTINGS frame
inline constexpr std::size_t kH2SessionBytes = 1u << 20;      // heap of one session; then it ends
inline constexpr std::uint32_t kH2StreamWindow = 128 * 1024;  // what a paused stream may still get
inline constexpr std::uint32_t kH2ConnectionWindow = 16u << 20;  // given back at once
inline constexpr std::size_t kH2QueuedFrames = 1000;  // of ours that a peer does not take
// Frames that move nothing on: a burst, then so many a second. One more: ENHANCE_YOUR_CALM.
inline constexpr std::int64_t kH2IdleFrames = 900;
inline constexpr std::int64_t kH2IdleFramesPerSecond = 50;
inline constexpr std::int64_t kH2Resets = 1000;  // streams that the peer resets
inline constexpr std::int64_t kH2ResetsPerSecond = 33;
inline constexpr std::int64_t kH2Provoked = 150;  // streams that its faults make us reset
inline constexpr std::int64_t kH2ProvokedPerSecond = 5;

// -- HTTP/2 towards providers
inline constexpr std::uint32_t kH2UpstreamStreams = 100;  // of one connection, were it to take more
inline constexpr std::uint32_t kH2Successor = 100;        // cancels: its successor is dialled,
inline constexpr std::uint32_t kH2Cancels =
    150;  // and here it takes no more, before a server minds
inline constexpr Nanos kH2AgeMost = 3600 * base::kSecond;     // names may lead elsewhere by then
inline constexpr Nanos kH2IdleTimeout = 300 * base::kSecond;  // without a stream
inline constexpr Nanos kH2PingEvery = 20 * base::kSecond;     // of silence
inline constexpr Nanos kH2PingTimeout = 10 * base::kSecond;   // unanswered: the connection is dead
inline constexpr std::size_t kH2SendBytes = 64 * 1024;        // framed ahead of a busy socket

// -- relay
inline constexpr std::size_t kPauseBytes =
    64 * 1024;  // queued to one client: stop reading upstream
inline constexpr std::size_t kResumeBytes = 16 * 1024;  // and start again below this
inline constexpr std::size_t kSmallPieceBytes = 2048;   // pieces up to this are coalesced when busy
inline constexpr std::size_t kCoalesceBytes = 16 * 1024;  // memcpy + send beats sendmsg up to here
inline constexpr std::size_t kSendSegments = 16;          // iovecs of one sendmsg

// -- TLS
inline constexpr std::size_t kTlsRecordBytes = 16 * 1024;  // plaintext of one record (RFC 8446)
inline constexpr std::size_t kTlsSealAhead = 32 * 1024;    // ciphertext that waits for the kernel
inline constexpr std::size_t kTlsSealedBytes = kTlsRecordBytes + 256;  // body of one record
inline constexpr std::uint64_t kTlsRecordsPerKey =
    1u << 23;  // then a new one; AES-GCM is good for 2^24.5 (RFC 8446 section 5.5)
// What moves nothing on, between two records with text; one more ends the connection.
inline constexpr unsigned kTlsEmptyRecords = 32;
inline constexpr unsigned kTlsKeyUpdates = 32;
inline constexpr unsigned kTlsWarnings = 4;
inline constexpr std::size_t kTlsMessageBytes = 64 * 1024;  // tickets; a server gives two or so
inline constexpr std::size_t kTlsTickets = 8;               // of one origin on one worker
inline constexpr std::size_t kTlsFileBytes = 4u << 20;      // of PEM; a system's bundle is 220 KB
inline constexpr std::size_t kTlsCertificates = 64;         // of one listener
inline constexpr std::size_t kCertificateNames = 64;  // alternative names that are read of one
inline constexpr std::size_t kCertificateNameBytes = 2048;  // a SPIFFE ID has at most that many
inline constexpr Nanos kTlsHandshake = 5 * base::kSecond;   // from the connection to the last step
inline constexpr Nanos kTlsGoodbye = 500 * base::kMillisecond;   // to hand over a last alert
inline constexpr Nanos kTlsComplaintPause = 30 * base::kSecond;  // a line of log for an origin

// -- connections to providers
inline constexpr Nanos kDialStagger =
    250 * base::kMillisecond;                      // then the next address too (RFC 8305)
inline constexpr Nanos kFreshFor = base::kSecond;  // made and not used: not dead unnoticed yet
inline constexpr std::size_t kWarmMost = 64;       // spare connections of an origin, per worker
inline constexpr std::size_t kSpareDials = 8;      // in the background at once, all origins
inline constexpr Nanos kSpareDelay =
    20 * base::kMillisecond;  // after a spare was taken: the request goes first
inline constexpr Nanos kSpareRetry =
    100 * base::kMillisecond;  // of an origin that is down; doubled
inline constexpr Nanos kSpareRetryMost = 30 * base::kSecond;
inline constexpr Nanos kSpareLead =
    2 * base::kSecond;  // its successor is dialled so long before one is given up
inline constexpr Nanos kYoungConnection = base::kSecond;  // what ends so soon was not ended by age
inline constexpr Nanos kPoolIdleMost = 300 * base::kSecond;  // however much a server announces
inline constexpr Nanos kProbeAfter = 2 * base::kSecond;  // of silence, a PING goes with the request
inline constexpr Nanos kProbeTimeout = 3 * base::kSecond;  // then what is unanswered goes elsewhere
inline constexpr int kTcpKeepIdle = 15;                    // seconds; a dead one is found within 30
inline constexpr int kTcpKeepInterval = 5;
inline constexpr int kTcpKeepCount = 3;
inline constexpr int kTcpUserTimeout = 15'000;  // ms in which nothing that was sent is acknowledged
inline constexpr std::size_t kProxyHeadBytes = 16 * 1024;  // of a proxy's answer to CONNECT
inline constexpr std::size_t kSpareLanes = 1024;  // that race, or close, beyond the connections

// -- a worker
inline constexpr std::size_t kClientConnections = 16384;    // above: 503 and close
inline constexpr std::size_t kUpstreamConnections = 16384;  // all origins together
inline constexpr std::size_t kUpstreamCalls = 32768;        // on HTTP/2 connections, all together
inline constexpr std::size_t kIdlePerOrigin = 256;          // pooled, LIFO; the oldest goes first
inline constexpr std::size_t kUnheardMost = 256;         // answers that are read without a client;
                                                         // the next is cancelled
inline constexpr std::size_t kUnheardBytes = 16u << 20;  // of one of them; then it is cut
inline constexpr Nanos kFilesPatience =
    100 * base::kMillisecond;  // a request waits so long for a descriptor before its 503
inline constexpr Nanos kFilesPause = 2 * base::kMillisecond;   // between two looks for one
inline constexpr Nanos kPoolIdleTimeout = 55 * base::kSecond;  // below the usual 60 s of servers
inline constexpr Nanos kLoopTick = base::kSecond;              // an idle worker wakes this often

// -- the admin listener
inline constexpr std::size_t kAdminConnections = 32;       // one more: the stalest makes room
inline constexpr std::size_t kAdminHeadBytes = 8 * 1024;   // above: 431
inline constexpr Nanos kAdminTimeout = 5 * base::kSecond;  // for a head; for a reader to take bytes
inline constexpr Nanos kAdminLinger = base::kSecond;       // reading on after the answer
inline constexpr Nanos kLiveWindow = 2 * base::kSecond;  // a loop that did not turn in it is stuck
inline constexpr Nanos kHealthTimeout = 2 * base::kSecond;  // of `headrace health`, all in all

// -- the audit file (defaults; start-up and the exporter)
inline constexpr std::size_t kAuditRotateBytes = 256u << 20;  // a line is about 1 KiB
inline constexpr Nanos kAuditRotateAge = 24 * 3600 * base::kSecond;
inline constexpr std::uint32_t kAuditKeep = 8;               // rotated files that are kept
inline constexpr std::size_t kAuditBacklogBytes = 4u << 20;  // lines that wait for the disk
inline constexpr std::size_t kDictionaryBytes = 64u << 20;   // of the file; above: begun anew
inline constexpr std::size_t kPriceFileBytes = 4u << 20;

// -- metrics (what the exporter adds up; beyond a bound things share the label "other", counted)
inline constexpr std::size_t kMetricSeries = 4096;     // of one metric; a scrape must stay readable
inline constexpr std::size_t kMetricTimedNames = 512;  // routes, targets: some 24 KiB of histograms
inline constexpr std::size_t kMetricKeys = 1024;       // of the names that are labels
inline constexpr std::size_t kMetricTrails = 4096;     // requests whose last attempt is remembered

// -- routes (defaults)
inline constexpr Nanos kConnectTimeout = 2 * base::kSecond;
inline constexpr Nanos kIdleTimeout = 60 * base::kSecond;
inline constexpr Nanos kTotalTimeout = 600 * base::kSecond;
inline constexpr std::uint32_t kAttempts = 4;  // of one request
inline constexpr Nanos kDrainTimeout = 25 * base::kSecond;

// -- failover
inline constexpr std::uint32_t kBreakerFailures = 5;  // in a row
inline constexpr Nanos kBreakerRest = base::kSecond;  // after the first opening, then doubled
inline constexpr Nanos kBreakerRestMost = 30 * base::kSecond;
inline constexpr Nanos kProbeLease = 10 * base::kSecond;        // a silent probe loses its claim
inline constexpr Nanos kCredentialRest = 300 * base::kSecond;   // after a 401
inline constexpr Nanos kQuotaRest = 600 * base::kSecond;        // without credit
inline constexpr Nanos kPairRest = 60 * base::kSecond;          // a model that a credential lacks
inline constexpr Nanos kLimitedRest = base::kSecond;            // a 429 that names no time
inline constexpr Nanos kLimitedRestMost = 300 * base::kSecond;  // and one that names a long one
inline constexpr Nanos kRetryWait = 30 * base::kSecond;         // a request waits no longer for one
inline constexpr std::int64_t kRetryStart = 10;   // retries that no request has paid for
inline constexpr std::int64_t kRetryBurst = 100;  // unused ones that are kept

// -- keys
inline constexpr std::uint64_t kAnswerTokens = 1u << 24;     // reserved for one answer at most
inline constexpr std::uint64_t kAssumedAnswerTokens = 1024;  // when a request names no bound

// -- configuration (start-up and reload; a fault when reached)
inline constexpr std::size_t kConfigBytes = 1u << 20;       // the file
inline constexpr std::size_t kConfigDepth = 32;             // maps and lists inside each other
inline constexpr std::size_t kConfigValues = 32 * 1024;     // scalars, maps and lists in all
inline constexpr std::size_t kConfigFaults = 100;           // told at once; the rest is counted
inline constexpr std::size_t kSecretFileBytes = 64 * 1024;  // what ${file:...} names
inline constexpr std::size_t kApiKeyBytes = 4096;           // must fit a request head
inline constexpr std::size_t kProxyUrlBytes = 1024;         // its credentials likewise
inline constexpr std::size_t kModelNameBytes = 128;
inline constexpr std::size_t kTargetsPerRoute = 16;
inline constexpr std::size_t kCredentialsPerProvider = 16;
inline constexpr std::size_t kModelsPerKey = 64;  // each is compared with a request's model
inline constexpr std::size_t kLabelsPerKey = 16;
inline constexpr std::size_t kCertificatesPerKey = 16;
inline constexpr std::size_t kResolvedAddresses = 16;  // of one host name; the rest is dropped
inline constexpr std::size_t kPassedSockets = 64;      // LISTEN_FDS
inline constexpr Nanos kBindRetry = 200 * base::kMillisecond;  // a predecessor may still hold it

}  // namespace headrace::base::limits
