"use client";

/** React hooks for Confab. */
export { ConfabContext, ConfabProvider, type ConfabProviderProps, useConfab } from "./confab-provider.js";
export type { ConversationsState } from "./conversation-list.js";
export { type ConversationView, useConversation } from "./use-conversation.js";
export { type ConversationsView, useConversations } from "./use-conversations.js";
export { type Composer, useSend } from "./use-send.js";
export { type Typing, useTyping } from "./use-typing.js";
