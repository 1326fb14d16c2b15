"""Invented files in the shape of every vendor: two or three rows each, with the traps of their units.

SAMPLES: layout -> (file name, text). They hold the same option where they can: ZZQ, spot 100.02, on 16 January 2019 a
call of 100 that expires on 15 February 2019, 2.60 bid, 2.70 asked, a volatility of .2309 and a delta of .5148.
"""

# ruff: noqa: E501 - lines are as long as those of the vendors

SAMPLES = {
    "om_vsurf": (
        "vsurfd2019.csv",
        """secid,date,days,delta,impl_volatility,impl_strike,impl_premium,dispersion,cp_flag
999001,20190116,30,50,0.2309,101.27,2.6421,0.0112,C
999001,20190116,30,-25,0.2688,94.05,1.1034,0.0098,P
999002,20190116,10,10,-99.99,-99.99,-99.99,-99.99,C
""",
    ),
    "om_stdop": (
        "stdopd2019.csv",
        """secid,date,days,forward_price,strike_price,premium,impl_volatility,delta,gamma,theta,vega,cp_flag
999001,2019-01-16,30,100.21,100.21,2.6512,0.2309,0.5152,0.0598,-15.81,11.42,C
999001,2019-01-16,30,100.21,100.21,2.6490,0.2305,-0.4841,0.0599,-15.02,11.42,P
""",
    ),
    "om_opprc": (
        "opprcd2019.csv",
        """secid,date,symbol,symbol_flag,exdate,last_date,cp_flag,strike_price,best_bid,best_offer,volume,open_interest,impl_volatility,delta,gamma,vega,theta,optionid,cfadj,am_settlement,contract_size,ss_flag,forward_price,expiry_indicator,root,suffix
999001,21565,ZZQ 190215C100000,1,21595,21565,C,100000,2.60,2.70,412,8801,0.2309,0.5148,0.0602,11.40,-15.70,150000001,1,0,100,0,,,ZZQ,
999001,21565,ZZQ 190118P150000,1,21567,,P,150000,49.10,50.90,0,3,-99.99,-99.99,-99.99,-99.99,-99.99,150000002,1,0,100,0,,w,ZZQ,
999001,21565,ZZQ1 190215C100000,1,21595,,C,100000,2.10,2.20,0,3,0.2,0.5,0,0,0,150000003,1,0,150,1,,,ZZQ1,
""",
    ),
    "om_opprc_native": (
        "optionprice.csv",
        """SecurityID,Date,Symbol,SymbolFlag,Strike,Expiration,CallPut,BestBid,BestOffer,LastTradeDate,Volume,OpenInterest,SpecialSettlement,ImpliedVolatility,Delta,Gamma,Vega,Theta,OptionID,AdjustmentFactor,AMSettlement,ContractSize,ExpiryIndicator
999001,20190116,ZZQ 190215C100000,1,100000,20190215,C,2.60,2.70,20190116,412,8801,0,0.2309,0.5148,0.0602,11.40,-15.70,150000001,1,0,100,
""",
    ),
    "om_secprd": (
        "secprd.csv",
        """secid,date,low,high,close,volume,return,cfadj,open,cfret,shrout
999001,2019-01-16,98.70,101.15,100.02,3120044,0.0061,1,99.41,1.0432,250000
999003,2019-01-16,-11.90,-12.30,-12.10,0,-0.0041,1,,1,8100
108105,2019-01-16,2600,2625,2616.1,0,0.002,1,2610,1,0
""",
    ),
    "om_fwdprd": (
        "fwdprd2019.csv",
        """secid,date,expiration,amsettlement,forwardprice
108105,2019-01-16,2019-02-15,1,2617.2
108105,2019-01-16,2019-02-15,0,2617.3
""",
    ),
    "om_idxdvd": (
        "idxdvd.csv",
        """secid,date,expiration,rate
108105,2019-01-16,2019-02-15,2.05
108105,2019-01-16,2019-03-15,2.05
108105,2019-01-17,2019-02-15,-99.99
""",
    ),
    "om_zero": ("zerocd.csv", "date,days,rate\n27JUN2019,7,2.31\n27JUN2019,32,2.41\n27JUN2019,90,2.55\n"),
    "om_secnm": (
        "secnmd.csv",
        """secid,effect_date,cusip,ticker,class,issuer,issue,sic
999001,2001-05-01,00000000,ZZO,,ZZQ CORP,,1000
999001,2018-03-01,00000000,ZZQ,,ZZQ CORP,,1000
999003,2001-05-01,11111111,BRK,B,ZZB CORP,,1000
""",
    ),
    "om_dist": (
        "distrd.csv",
        """secid,record_date,seq_num,ex_date,amount,adj_factor,declare_date,payment_date,link_secid,distr_type,frequency,currency,approx_flag,cancel_flag,liquid_flag
999001,2019-03-01,1,2019-03-04,0,4,2019-02-01,2019-03-04,,2,,USD,0,0,0
999001,2019-03-01,2,2019-04-04,0.25,,2019-02-01,2019-03-04,,1,4,USD,0,0,0
999001,2019-03-01,3,2019-05-04,0,2,2019-02-01,2019-03-04,,2,,USD,0,1,0
""",
    ),
    "om_link": (
        "link.csv",
        "secid,sdate,edate,PERMNO,score\n999001,19960104,20241231,90001,1\n999003,20010501,20090227,,6\n",
    ),
    "crsp_sp500": ("dsp500list.csv", "permno,start,ending\n90001,1998-03-12,2024-12-31\n90002,2003-07-01,2011-10-17\n"),
    "om_native_vsurf": (
        "IVYVSURF.20190116D.txt",
        "999001\t20190116\t30\t50\tC\t0.2309\t101.27\t2.6421\t0.0112\n999001\t20190116\t30\t-25\tP\t0.2688\t94.05\t1.1\t0.01\n",
    ),
    "orats_strikes_file": (
        "ORATS_SMV_Strikes_20190116.csv",
        """ticker,cOpra,pOpra,stkPx,expirDate,yte,strike,cVolu,cOi,pVolu,pOi,cBidPx,cValue,cAskPx,pBidPx,pValue,pAskPx,cBidIv,cMidIv,cAskIv,smoothSmvVol,pBidIv,pMidIv,pAskIv,iRate,divRate,residualRateData,delta,gamma,theta,vega,rho,phi,driftlessTheta,extVol,extCTheo,extPTheo,spot_px,trade_date
ZZQ,ZZQ190215C00100000,ZZQ190215P00100000,100.02,2/15/2019,0.08219,100,412,8801,207,5120,2.60,2.65,2.70,2.41,2.46,2.52,0.2290,0.2312,0.2334,0.2309,0.2288,0.2311,0.2339,0.0241,0,-0.0012,0.5148,0.0602,-0.0431,0.1140,0.0402,-0.0423,-0.0415,0.2301,2.64,2.45,,1/16/2019
ZZQ,ZZQ190215C00140000,ZZQ190215P00140000,100.02,2/15/2019,0.08219,140,0,12,0,0,0,0.01,0.05,39.20,39.80,40.40,0,0.41,0.52,9.999999,0,0.47,0.91,0.0241,0,-0.0012,0.0021,0.0011,-0.0010,0.0031,0.0002,-0.0002,-0.0010,0.3500,0.01,39.79,,1/16/2019
ZZQ,ZZQ1190215C00100000,ZZQ1190215P00100000,100.02,2/15/2019,0.08219,100,0,12,0,0,2.00,2.05,2.10,2.10,2.15,2.20,0,0.41,0.52,0.3520,0,0.47,0.91,0.0241,0,-0.0012,0.5,0.0011,-0.0010,0.0031,0.0002,-0.0002,-0.0010,0.3500,0.01,39.79,,1/16/2019
""",
    ),
    "orats_strikes_api": (
        "strikes.csv",
        """ticker,tradeDate,expirDate,dte,strike,stockPrice,callVolume,callOpenInterest,callBidSize,callAskSize,putVolume,putOpenInterest,putBidSize,putAskSize,callBidPrice,callValue,callAskPrice,putBidPrice,putValue,putAskPrice,callBidIv,callMidIv,callAskIv,smvVol,putBidIv,putMidIv,putAskIv,residualRate,delta,gamma,theta,vega,rho,phi,driftlessTheta,callSmvVol,putSmvVol,extSmvVol,extCallValue,extPutValue,spotPrice,quoteDate,updatedAt,snapShotEstTime,snapShotDate,expiryTod
ZZQ,2019-01-16,2019-02-15,31,100,100.02,412,8801,1,1,207,5120,1,1,2.60,2.65,2.70,2.41,2.46,2.52,0.229,0.2312,0.2334,0.2309,0.2288,0.2311,0.2339,-0.0012,0.5148,0.06,-0.04,0.11,0.04,-0.04,-0.04,0.2309,0.2309,0.2301,2.64,2.45,100.02,2019-01-16T20:46:00Z,2019-01-16T20:46:00Z,1546,2019-01-16,pm
""",
    ),
    "orats_summaries": (
        "summaries.csv",
        """ticker,tradeDate,stockPrice,riskFree30,iv10d,iv20d,iv30d,iv60d,iv90d,iv6m,iv1y,exErnIv30d,dlt25Iv30d,dlt75Iv30d,dlt95Iv30d,exErnDlt25Iv30d
ZZQ,2019-01-16,100.02,0.0241,0.24,0.235,0.2309,0.2301,0.23,0.229,0.228,0.2109,0.2202,0.2511,0.2933,0.2002
""",
    ),
    "orats_dailies": (
        "dailies.csv",
        "ticker,tradeDate,clsPx,hiPx,loPx,open,stockVolume,unadjClsPx,unadjHiPx\nZZQ,2019-01-16,25.005,25.3,24.9,25,1,100.02,101\n",
    ),
    "orats_splits": ("splits.csv", "ticker,splitDate,divisor\nZZQ,2019-03-04,4\n"),
    "orats_earnings": ("earnings.csv", "ticker,earnDate,anncTod,updatedAt\nZZQ,2019-02-07,1605,2019-02-08T02:10:00Z\n"),
    "cboe_eod_calcs": (
        "UnderlyingOptionsEODCalcs_2019-01-16.csv",
        """underlying_symbol,quote_date,root,expiration,strike,option_type,open,high,low,close,trade_volume,bid_size_1545,bid_1545,ask_size_1545,ask_1545,underlying_bid_1545,underlying_ask_1545,implied_underlying_price_1545,active_underlying_price_1545,implied_volatility_1545,delta_1545,gamma_1545,theta_1545,vega_1545,rho_1545,bid_size_eod,bid_eod,ask_size_eod,ask_eod,underlying_bid_eod,underlying_ask_eod,vwap,open_interest,delivery_code
ZZQ,2019-01-16,ZZQ,2019-02-15,100.000,C,2.50,2.80,2.41,2.66,412,35,2.60,51,2.70,100.01,100.03,100.0220,100.0200,0.2309,0.5148,0.0602,-0.0432,0.1141,0.0403,22,2.58,40,2.69,100.00,100.04,2.6211,8801,
^SPX,2019-01-16,SPXW,2019-01-18,2600.000,P,0,0,0,0,0,10,3.10,10,3.50,0,0,2612.40,0,0,0,0,0,0,0,10,3.00,10,3.60,0,0,0,15,
ZZQ,2019-01-16,ZZQ1,2019-02-15,100.000,C,0,0,0,0,0,10,2.10,10,2.50,100.01,100.03,0,0,0,0,0,0,0,0,10,3.00,10,3.60,0,0,0,15,100ZZQ1
""",
    ),
    "cboe_eod_quotes": (
        "UnderlyingOptionsEODQuotes_2019-01-16.csv",
        """"underlying_symbol","quote_date","root","expiration","strike","option_type","open","high","low","close","trade_volume","bid_size_1545","bid_1545","ask_size_1545","ask_1545","underlying_bid_1545","underlying_ask_1545","open_interest"
"ZZQ","1/16/2019 0:00:00","ZZQ","2/15/2019 0:00:00",100.000,"c",2.50,2.80,2.41,2.66,412,35,2.60,51,2.70,100.01,100.03,8801
""",
    ),
    "cboe_interval": (
        "UnderlyingOptionsIntervals_900sec_calcs_oi_2019-01-16.csv",
        """underlying_symbol,quote_datetime,root,expiration,strike,option_type,open,high,low,close,trade_volume,bid_size,bid,ask_size,ask,underlying_bid,underlying_ask,implied_underlying_price,active_underlying_price,implied_volatility,delta,gamma,theta,vega,rho,open_interest
ZZQ,2019-01-16 15:30:00,ZZQ,2019-02-15,100.000,C,0,0,0,0,0,1,2.40,1,2.50,100.01,100.03,100.02,100.02,0.2209,0.50,0,0,0,0,8801
ZZQ,2019-01-16 15:45:00,ZZQ,2019-02-15,100.000,C,0,0,0,0,0,1,2.60,1,2.70,100.01,100.03,100.02,100.02,0.2309,0.5148,0,0,0,0,8801
""",
    ),
    "cboe_index": (
        "COR1M_History.csv",
        "DATE,OPEN,HIGH,LOW,CLOSE\n01/16/2019,31.10,31.10,31.10,31.10\n03/21/2022,42.50,44.02,40.88,41.37\n",
    ),
    "cboe_index_vvix": ("VVIX_History.csv", "DATE,VVIX\n01/16/2019,91.10\n"),
    "optionsdx": (
        "zzq_eod_201901.txt",
        """[QUOTE_UNIXTIME], [QUOTE_READTIME], [QUOTE_DATE], [QUOTE_TIME_HOURS], [UNDERLYING_LAST], [EXPIRE_DATE], [EXPIRE_UNIX], [DTE], [C_DELTA], [C_GAMMA], [C_VEGA], [C_THETA], [C_RHO], [C_IV], [C_VOLUME], [C_LAST], [C_SIZE], [C_BID], [C_ASK], [STRIKE], [P_BID], [P_ASK], [P_SIZE], [P_LAST], [P_DELTA], [P_GAMMA], [P_VEGA], [P_THETA], [P_RHO], [P_IV], [P_VOLUME], [STRIKE_DISTANCE], [STRIKE_DISTANCE_PCT]
1547672400, 2019-01-16 16:00, 2019-01-16, 16.000000, 100.02, 2019-02-15, 1550264400, 30.00, 0.5148, 0.0031, 2.98, -0.71, 1.05, 0.2309, 120, 2.66, 10 x 12, 2.60, 2.70, 100.00, 2.41, 2.52, 9 x 15, 2.44, -0.4852, 0.0031, 2.98, -0.66, -1.09, 0.2311, 88, 0.100, 0.000
1547672400, 2019-01-16 16:00, 2019-01-16, 16.000000, 100.02, 2019-02-15, 1550264400, 30.00, 0.000, 0.0000, 0.01, -0.01, 0.00, , , 0.05, 0 x 5, 0.00, 0.10, 140.00, 39.20, 40.40, 1 x 1, 0.00, , , , , , , , 784.900, 0.300
""",
    ),
    "hod_l2": (
        "L2_options_20190116.csv",
        """\ufeffunderlying,underlying_last, exchange,optionroot,optionext,type,expiration,quotedate,strike,last,bid,ask,volume,openinterest,impliedvol,delta,gamma,theta,vega,optionalias
ZZQ,100.02,*,ZZQ190215C00100000,,call,02/15/2019,01/16/2019,100,2.66,2.60,2.70,412,8801,0.2309,0.5148,0.0602,-15.77,11.41,ZZQ190215C00100000
ZZQ,100.02,W,ZZQ190118C00060000,,call,01/18/2019,01/16/2019,60,0,39.60,40.40,0,2,0.01,0,0,0,0,ZZQ190118C00060000
ZZQ,100.02,A,ZZQ1190215C00100000,,call,02/15/2019,01/16/2019,100,0,2.10,2.20,0,2,0.2,0.5,0,0,0,ZZQ1190215C00100000
""",
    ),
    "hod_l3": (
        "L3_options_20190116.csv",
        """UnderlyingSymbol,UnderlyingPrice,Flags,OptionSymbol,Type,Expiration,DataDate,Strike,Last,Bid,Ask,Volume,OpenInterest,T1OpenInterest,IVMean,IVBid,IVAsk,Delta,Gamma,Theta,Vega,AKA
ZZQ,100.02,*,ZZQ190215C00100000,call,02/15/2019,01/16/2019 16:00,100,2.66,2.60,2.70,412,8801,8900,0.2309,0.22,0.24,0.5148,0.0602,-15.77,11.41,ZZQ190215C00100000
""",
    ),
    "dolthub_chain": (
        "option_chain.csv",
        """date,act_symbol,expiration,strike,call_put,bid,ask,vol,delta,gamma,theta,vega,rho
2019-01-16,ZZQ,2019-02-15,100.00,Call,2.60,2.70,0.2309,0.5148,0.0630,-0.0820,0.0780,0.0190
2019-01-16,BRK.B,2019-02-15,130.00,Call,0.00,0.05,0.4100,0.0110,0.0040,-0.0040,0.0050,0.0004
""",
    ),
    "dolthub_vol": (
        "volatility_history.csv",
        """date,act_symbol,hv_current,hv_week_ago,iv_current,iv_week_ago
2019-01-16,ZZQ,0.21,0.22,0.2309,0.24
""",
    ),
    "dolthub_closes": (
        "ohlcv.csv",
        "date,act_symbol,open,high,low,close,volume\n2019-01-16,ZZQ,99,101,98,100.02,3120044\n",
    ),
    "dolthub_split": ("split.csv", "act_symbol,ex_date,to_factor,for_factor\nZZQ,2019-03-04,4,1\nZZQ,2019-03-04,4,1\n"),
    "alphavantage": (
        "historical_options.csv",
        """contractID,symbol,expiration,strike,type,last,mark,bid,bid_size,ask,ask_size,volume,open_interest,date,implied_volatility,delta,gamma,theta,vega,rho
ZZQ190215C00100000,ZZQ,2019-02-15,100.00,call,2.66,2.65,2.60,5,2.70,7,412,8801,2019-01-16,0.2309,0.5148,0.06,-0.04,0.11,0.04
""",
    ),
    "theta_v3_eod": (
        "eod.csv",
        """symbol,expiration,strike,right,created,last_trade,open,high,low,close,volume,count,bid_size,bid_exchange,bid,bid_condition,ask_size,ask_exchange,ask,ask_condition
"ZZQ","2019-02-15",100.000,"CALL","2019-01-16T17:16:40.113","2019-01-16T15:58:31.402",2.50,2.80,2.41,2.66,412,87,35,7,2.60,50,51,5,2.70,50
"ZZQ","2019-02-15",140.000,"PUT","2019-01-16T17:16:40.113","",0.00,0.00,0.00,0.00,0,0,1,7,39.20,50,1,7,40.40,50
""",
    ),
    "theta_v3_greeks": (
        "greeks_eod.csv",
        """symbol,expiration,strike,right,timestamp,open,high,low,close,volume,count,bid_size,bid_exchange,bid,bid_condition,ask_size,ask_exchange,ask,ask_condition,delta,theta,vega,rho,implied_vol,iv_error,underlying_timestamp,underlying_price
"ZZQ","2019-02-15",100.000,"CALL","2019-01-16T17:16:40.113",2.50,2.80,2.41,2.66,412,87,35,7,2.60,50,51,5,2.70,50,0.5148,-0.04,11.4,4,0.2309,0.0,"2019-01-16T16:00:00.000",100.02
""",
    ),
    "theta_v3_interest": (
        "oi.csv",
        'symbol,expiration,strike,right,timestamp,open_interest\n"ZZQ","2019-02-15",100.000,"CALL","2019-01-16T06:30:00",8801\n',
    ),
    "theta_v2": (
        "bulk_eod.csv",
        """root,expiration,strike,right,ms_of_day,ms_of_day2,open,high,low,close,volume,count,bid_size,bid_exchange,bid,bid_condition,ask_size,ask_exchange,ask,ask_condition,date
ZZQ,20190215,100000,C,62200113,57511402,2.50,2.80,2.41,2.66,412,87,35,7,2.60,50,51,5,2.70,50,20190116
""",
    ),
    "polygon_day": (
        "2019-01-16.csv",
        """ticker,volume,open,close,high,low,window_start,transactions
O:ZZQ190215C00100000,412,2.5,2.65,2.8,2.41,1547614800000000000,87
O:ZZQ1190215C00100000,3,1.1,1.1,1.1,1.1,1547614800000000000,1
ZZQ,3120044,99,100.02,101,98,1547614800000000000,1000
""",
    ),
    "databento_bars": (
        "opra-pillar-20190116.ohlcv-1d.csv",
        """ts_event,rtype,publisher_id,instrument_id,open,high,low,close,volume,symbol
2019-01-16T00:00:00.000000000Z,35,30,1241000001,2.500000000,2.800000000,2.410000000,2.650000000,412,ZZQ   190215C00100000
1547596800000000000,35,30,1241000002,1100000000,1100000000,1100000000,1100000000,3,ZZQ   190215P00090000
1547596800000000000,35,30,1241000003,100020000000,100020000000,100020000000,100020000000,3,ZZQ
""",
    ),
    "databento_quotes": (
        "opra-pillar-20190116.cbbo-1m.csv",
        """ts_recv,ts_event,rtype,publisher_id,instrument_id,side,price,size,flags,bid_px_00,ask_px_00,bid_sz_00,ask_sz_00,bid_pb_00,ask_pb_00,symbol
1547672340000000000,1547672340000000000,195,30,1,N,,0,0,2400000000,2500000000,1,1,1,1,ZZQ   190215C00100000
1547672400000000000,1547672400000000000,195,30,1,N,,0,0,2600000000,2700000000,1,1,1,1,ZZQ   190215C00100000
1547672400000000000,1547672400000000000,195,30,2,N,,0,0,9223372036854775807,50000000,1,1,1,1,ZZQ   190215C00140000
""",
    ),
    "databento_statistics": (
        "opra-pillar-20190116.statistics.csv",
        """ts_recv,ts_event,rtype,publisher_id,instrument_id,ts_ref,price,quantity,sequence,ts_in_delta,stat_type,channel_id,update_action,stat_flags,symbol
1547638200000000000,1547638200000000000,24,30,1,1547596800000000000,,8801,1,0,9,1,1,0,ZZQ   190215C00100000
1547638200000000000,1547638200000000000,24,30,1,1547596800000000000,,412,1,0,6,1,1,0,ZZQ   190215C00100000
""",
    ),
    "yfinance": (
        "zzq_2019-01-16.csv",
        """,contractSymbol,lastTradeDate,strike,lastPrice,bid,ask,change,percentChange,volume,openInterest,impliedVolatility,inTheMoney,contractSize,currency,spot
0,ZZQ190215C00100000,2019-01-16 20:58:31+00:00,100.0,2.66,2.6,2.7,0.11,4.31,412.0,8801,0.2309,True,REGULAR,USD,100.02
1,ZZQ190215C00140000,2018-12-22 14:01:05+00:00,140.0,0.02,0.0,0.05,0.0,0.0,,12,1.0000000000000003e-05,False,REGULAR,USD,100.02
2,ZZQ190215C00150000,2018-12-22 14:01:05+00:00,150.0,0.02,0.0,0.0,0.0,0.0,,12,0.250007500,False,REGULAR,USD,100.02
""",
    ),
    "tardis_chain": (
        "deribit_options_chain_2019-01-16_OPTIONS.csv",
        """exchange,symbol,timestamp,local_timestamp,type,strike_price,expiration,open_interest,last_price,bid_price,bid_amount,bid_iv,ask_price,ask_amount,ask_iv,mark_price,mark_iv,underlying_index,underlying_price,delta,gamma,vega,theta,rho
deribit,ZZQ-15FEB19-100-C,1547600000000000,1547600000104211,call,100,1550217600000000,8801,0.0250,0.0250,12.5,22.10,0.0260,9.1,24.35,0.0265,22.09,ZZQ-15FEB19,100.0,0.5021,0.00001,250.11,-41.20,180.55
deribit,ZZQ-15FEB19-100-C,1547670000000000,1547670000104211,call,100,1550217600000000,8801,0.0260,0.0260,12.5,22.10,0.0270,9.1,24.35,0.0265,23.09,ZZQ-15FEB19,100.0,0.5148,0.00001,250.11,-41.20,180.55
deribit,ZZQ_USDC-15FEB19-2d8-P,1547670000000000,1547670000104980,put,2.8,1550217600000000,31,,,,,0.0001,20,88.20,0.0000,85.00,SYN.ZZQ-15FEB19,100.0,-0.00001,0,0.02,-0.10,0
""",
    ),
    "deribit_book": (
        "book_2019-01-16.csv",
        """instrument_name,base_currency,quote_currency,bid_price,ask_price,mid_price,mark_price,last,mark_iv,open_interest,volume,volume_usd,high,low,price_change,underlying_price,underlying_index,interest_rate,estimated_delivery_price,creation_timestamp
ZZQ-15FEB19-100-C,ZZQ,ZZQ,0.0260,0.0270,0.0265,0.0265,0.0266,23.09,8801,1,1,1,1,1,100.0,ZZQ-15FEB19,0,100.02,1547670000000
ZZQ-PERPETUAL,ZZQ,ZZQ,100.0,100.1,100.05,100.05,100.0,,1,1,1,1,1,1,100.0,ZZQ,0,100.02,1547670000000
""",
    ),
    "crypto_snapshot": (
        "2019-01-16.csv",
        """snapshot_utc,exchange,underlying,instrument,expiry,strike,type,mark_price,bid,ask,mark_iv,delta,gamma,vega,theta,open_interest,volume_24h,underlying_price
2019-01-16 02:00:00,deribit,ZZQ,ZZQ-15FEB19-100-C,2019-02-15,100,call,0.0265,0.0260,0.0270,23.09,,,,,8801,0.0,100.0
2019-01-16 02:00:00,okx,ZZR,ZZR-15FEB19-100-C,2019-02-15,100,call,0.0265,0.0260,0.0270,0.2309,,,,,8801,0.0,100.0
""",
    ),
    "nse_udiff": (
        "BhavCopy_NSE_FO_0_0_0_20190116_F_0000.csv",
        """TradDt,BizDt,Sgmt,Src,FinInstrmTp,FinInstrmId,ISIN,TckrSymb,SctySrs,XpryDt,FininstrmActlXpryDt,StrkPric,OptnTp,FinInstrmNm,OpnPric,HghPric,LwPric,ClsPric,LastPric,PrvsClsgPric,UndrlygPric,SttlmPric,OpnIntrst,ChngInOpnIntrst,TtlTradgVol,TtlTrfVal,TtlNbOfTxsExctd,SsnId,NewBrdLotQty,Rmks,Rsvd1,Rsvd2,Rsvd3,Rsvd4
2019-01-16,2019-01-16,FO,NSE,STO,70001,,ZZQ,,2019-02-16,2019-02-15,100.00,CE,ZZQ19FEB100CE,2.10,3.40,2.00,2.65,2.60,1.95,100.02,2.65,11001250,2500,40,25632500.00,31,F1,1250,,,,,
2019-01-16,2019-01-16,FO,NSE,STO,70001,,ZZQ,,2019-02-16,2019-02-15,140.00,CE,ZZQ19FEB140CE,0,0,0,0.65,0.60,0.95,100.02,0.65,1250,2500,0,0,0,F1,1250,,,,,
2019-01-16,2019-01-16,FO,NSE,STF,70002,,ZZQ,,2019-02-16,2019-02-15,,,ZZQ19FEBFUT,99.00,103.20,97.10,100.60,100.50,99.90,100.02,100.60,9875000,-12500,1020,637500000.00,890,F1,1250,,,,,
""",
    ),
    "nse_legacy_fo": (
        "fo16JAN2019bhav.csv",
        """INSTRUMENT,SYMBOL,EXPIRY_DT,STRIKE_PR,OPTION_TYP,OPEN,HIGH,LOW,CLOSE,SETTLE_PR,CONTRACTS,VAL_INLAKH,OPEN_INT,CHG_IN_OI,TIMESTAMP,
OPTSTK,ZZQ,15-Feb-2019,100,CE,2.1,3.4,1,2.65,2.65,40,256.33,8801,2500,16-JAN-2019,
OPTSTK,ZZQ,15-Feb-2019,140,CE,0,0,0,0.55,0.05,0,0,0,0,16-JAN-2019,
FUTSTK,ZZQ,15-Feb-2019,0,XX,99,103,97,100.6,100.6,40,256.33,125000,2500,16-JAN-2019,
FUTIVX,INDIAVIX,15-Feb-2019,0,XX,19,20,19,19.6,19.6,40,256.33,125000,2500,16-JAN-2019,
""",
    ),
    "nse_oldest_fo": (
        "fo16JAN2004bhav.csv",
        """INSTRUMENT,SYMBOL,EXPIRY_DT,STRIKE_PR,OPTIONTYPE,OPEN,HIGH,LOW,CLOSE,SETTLE_PR,CONTRACTS,VAL_INLAKH,OPEN_INT,CHG_IN_OI,TIMESTAMP
OPTSTK,ZZQ,26-Feb-2004,100,CA,2.1,3.4,1,2.65,2.65,40,256.33,8801,2500,16-JAN-2004
""",
    ),
    "nse_legacy_cm": (
        "cm16JAN2019bhav.csv",
        """SYMBOL,SERIES,OPEN,HIGH,LOW,CLOSE,LAST,PREVCLOSE,TOTTRDQTY,TOTTRDVAL,TIMESTAMP,TOTALTRADES,ISIN,
ZZQ,EQ,99,101,98,100.02,100,99,1000,100000,16-JAN-2019,10,INE000000000,
ZZQ,N1,99,101,98,1000.02,100,99,1000,100000,16-JAN-2019,10,INE000000001,
""",
    ),
    "nse_full_cm": (
        "sec_bhavdata_full_16012019.csv",
        """SYMBOL, SERIES, DATE1, PREV_CLOSE, OPEN_PRICE, HIGH_PRICE, LOW_PRICE, LAST_PRICE, CLOSE_PRICE, AVG_PRICE, TTL_TRD_QNTY, TURNOVER_LACS, NO_OF_TRADES, DELIV_QTY, DELIV_PER
ZZQ, EQ, 16-Jan-2019, 99.00, 99.10, 101.00, 98.00, 100.00, 100.02, 100.01, 1000, 1.00, 10, 500, 50.00
""",
    ),
    "nse_index_close": (
        "ind_close_all_16012019.csv",
        """Index Name,Index Date,Open Index Value,High Index Value,Low Index Value,Closing Index Value,Points Change,Change(%),Volume,Turnover (Rs. Cr.),P/E,P/B,Div Yield
Nifty 50,16-01-2019,10900,10950,10850,10890.30,1,.01,1,1,20,3,1
India VIX,16-01-2019,15,16,14,15.10,1,.01,-,-,-,-,-
""",
    ),
    "lean_universe": (
        "universe_zzq_20190116.csv",
        """#expiry,strike,right,open,high,low,close,volume,open_interest,implied_volatility,delta,gamma,vega,theta,rho
,,,99.41,101.15,98.70,100.02,3120044,,,,,,,
20190215,100,C,2.50,2.80,2.41,2.65,412,8801,0.2309,0.5148,0.0602,0.1141,-0.0432,0.0403
20190215,140,C,0,0,0,0.65,0,,0.0000001,0,0,0,0,0
""",
    ),
    "om_native_opprc": (
        "IVYOPPRC.20190116D.txt",
        "999001\t20190116\tZZQ 190215C100000\t1\t100000\t20190215\tC\t2.60\t2.70\t20190116\t412\t8801\t0\t0.2309\t0.5148\t0.0602\t11.40\t-15.70\t150000001\t1\t0\t100\t\n",
    ),
    "om_native_secpr": (
        "IVYSECPR.20190116D.txt",
        "999001\t20190116\t98.70\t101.15\t100.02\t3120044\t0.0061\t1\t99.41\t250000\t1.0432\n",
    ),
    "om_native_zero": ("IVYZEROC.20190116D.txt", "20190116\t7\t2.31\n20190116\t32\t2.41\n"),
    "theta_v3_quotes": (
        "quote.csv",
        """symbol,expiration,strike,right,timestamp,bid_size,bid_exchange,bid,bid_condition,ask_size,ask_exchange,ask,ask_condition
"ZZQ","2019-02-15",100.000,"CALL","2019-01-16T15:30:00.000",1,1,2.40,50,1,1,2.50,50
"ZZQ","2019-02-15",100.000,"CALL","2019-01-16T16:00:00.000",1,1,2.60,50,1,1,2.70,50
""",
    ),
    "hod_stocks": (
        "L2_stockquotes_20190116.csv",
        "symbol,quotedate,open,high,low,close,volume,adjustedclose\nZZQ,01/16/2019,99,101,98,100.02,3120044,100.02\n",
    ),
    "yfinance_history": (
        "history.csv",
        "Date,Open,High,Low,Close,Volume,Dividends,Stock Splits,Ticker\n2019-01-16 00:00:00-05:00,99,101,98,100.02,3120044,0,0,ZZQ\n",
    ),
    "cboe_index_dump": ("VIX_History.csv", "Date,TRDPRC_1\n2019-01-16,19.04\n"),
    "orats_monies": (
        "monies.csv",
        """ticker,tradeDate,expirDate,stockPrice,riskFreeRate,yieldRate,residualYieldRate,residualRateSlp,residualR2,confidence,mwVol,vol100,vol95,vol75,vol50,vol25,vol5,vol0,atmiv,slope,deriv,fit,spotPrice,calVol,unadjVol,earnEffect,updatedAt
ZZQ,2019-01-16,2019-02-15,100.02,0.0241,0,0,0,1,1,0.2309,0.4,0.2933,0.2511,0.2309,0.2202,0.21,0.2,0.2309,1,0,1,100.02,0.23,0.24,0.01,2019-01-17T02:10:00Z
ZZQ,2019-01-16,2019-03-15,100.02,0.0243,0,0,0,1,1,0.2309,0.4,0.2933,0.2511,0.2309,0.2202,0,0.2,0.2309,1,0,1,100.02,0.23,0.24,0.01,2019-01-17T02:10:00Z
""",
    ),
    "orats_cores": (
        "cores.csv",
        """ticker,tradeDate,assetType,priorCls,pxAtmIv,mktCap,cVolu,cOi,pVolu,pOi,orFcst20d,atmIvM1,dtExM1,iv10d,iv20d,iv30d,iv60d,iv90d,iv6m,iv1yr,sector
ZZQ,2019-01-16,3,99.4,100.02,1000,412,8801,207,5120,20.1,23.01,30,24.0,23.5,23.09,23.01,23.0,22.9,22.8,10
""",
    ),
    "orats_ivrank": (
        "ivrank.csv",
        "ticker,tradeDate,iv,ivRank1m,ivPct1m,ivRank1y,ivPct1y,updatedAt\nZZQ,2019-01-16,23.09,41.2,38.0,55.7,61.9,2019-01-17T02:10:00Z\n",
    ),
    "databento_definition": (
        "opra-pillar-20190116.definition.csv",
        "ts_recv,ts_event,rtype,publisher_id,instrument_id,raw_symbol,instrument_class,expiration\n1,1,19,30,1,ZZQ   190215C00100000,C,1\n",
    ),
    "om_hvol": ("hvold2019.csv", "secid,date,days,volatility\n999001,2019-01-16,30,0.2201\n"),
    "om_borrow": ("borrate2019.csv", "secid,date,expiration,days,borrow_rate\n999001,2019-01-16,2019-02-15,30,0.31\n"),
    "om_distrproj": ("distrprojd2019.csv", "secid,date,exdate,amount\n999001,2019-01-16,2019-02-07,0.25\n"),
    "om_opvol": ("opvold2019.csv", "secid,date,cp_flag,volume,open_interest\n999001,2019-01-16,C,412,8801\n"),
    "crsp_dsf": (
        "dsf.csv",
        "permno,date,prc,ret,shrout,vol,cfacpr,cfacshr\n90001,2019-01-16,-100.02,0.0061,250000,1,1,1\n",
    ),
    "comp_members": ("idxcst_his.csv", "gvkey,iid,gvkeyx,from,thru\n001000,01,000003,1998-03-12,\n"),
    "orats_divs": ("divs.csv", "ticker,exDate,divAmt,divFreq,declaredDate\nZZQ,2019-02-07,0.25,4,2019-01-10\n"),
    "theta_v3_bars": (
        "ohlc.csv",
        """symbol,expiration,strike,right,timestamp,open,high,low,close,volume,count,vwap
"ZZQ","2019-02-15",100.000,"CALL","2019-01-16T15:30:00.000",2.60,2.70,2.60,2.65,12,3,2.64
"ZZQ","2019-02-15",100.000,"CALL","2019-01-16T15:00:00.000",2.50,2.80,2.41,2.55,412,87,2.52
"ZZQ","2019-02-15",140.000,"PUT","2019-01-16T15:30:00.000",0.00,0.00,0.00,0.00,0,0,0.00
""",
    ),
    "polygon_quotes": (
        "2019-01-16.csv",
        """ticker,ask_exchange,ask_price,ask_size,bid_exchange,bid_price,bid_size,sequence_number,sip_timestamp
O:ZZQ190215C00100000,300,2.70,50,300,2.60,35,2,1547672340000000000
O:ZZQ190215C00100000,300,2.90,50,300,2.30,35,1,1547650000000000000
O:ZZQ1190215C00100000,300,2.90,50,300,2.30,35,3,1547672340000000000
""",
    ),
    "polygon_trades": (
        "2019-01-16-trades.csv",
        "ticker,conditions,correction,exchange,price,sip_timestamp,size\nO:ZZQ190215C00100000,233,0,300,2.65,1547672340000000000,3\n",
    ),
    "databento_trades": (
        "opra-pillar-20190116.trades.csv",
        """ts_recv,ts_event,rtype,publisher_id,instrument_id,action,side,depth,price,size,flags,ts_in_delta,sequence,symbol
1547672340000000000,1547672340000000000,0,30,1,T,N,0,2650000000,3,0,0,2,ZZQ   190215C00100000
1547650000000000000,1547650000000000000,0,30,1,T,N,0,2550000000,3,0,0,1,ZZQ   190215C00100000
""",
    ),
}
