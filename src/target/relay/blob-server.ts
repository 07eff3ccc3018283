import type { PortRange } from '../../core/port-range.ts';
import type { Blob } from './blob-file.ts';
import type { RelayTicket } from './ticket.ts';

export interface GrantOptions {
  /** Who it is for; reports name it so. Nothing else depends on it. */
  readonly child: string;
  /** How long the child has to connect, in milliseconds. */
  readonly ttlMs: number;
}

/** Where a source listens, and how much it gives. */
export interface BlobServerPlace {
  /** The one IP address to listen on. */
  readonly address: string;
  /** A taken port means the next. */
  readonly ports: PortRange;
  /** Bytes per second to all children together; 0 or absent: no limit. */
  readonly bwlimit?: number | undefined;
}

/** A source of blobs, whichever program carries them: listens while there are tickets that nobody has used, and not a moment longer. */
export interface BlobServer extends AsyncDisposable {
  /** Told of a blob whose file may be taken away from now on, because all of it is here. */
  keep(blob: Blob): void;
  /**
   * Makes a ticket: one child may take this blob, once. Starts listening when nobody did. The blob stays the caller's, who keeps it open until
   * the child was served or the ticket is of no use any more.
   *
   * Throws `relay_unavailable` when there is no free port, or the address is not one of this host; and for a carrier that serves only what is whole.
   */
  grant(blob: Blob, options: GrantOptions): Promise<RelayTicket>;
  /** Makes a ticket useless. A child that has used it is served to its end. */
  revoke(identity: string): void;
  /** Makes all tickets useless, hangs up on everybody, and returns when every socket is closed and every report was given. */
  close(): Promise<void>;
}
